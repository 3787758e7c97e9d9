using System.Text.Json.Nodes;
using Google.Protobuf;
using Kata.Adapters.Shimv2.Events;
using Kata.Core.Domain;
using Kata.Platform.Protos.Containerd.Events;

namespace Kata.Tests.Parity.AgentCalls;

/// <summary>An event as a line: topic, container, process, exit status.</summary>
internal static class EventText
{
    private static readonly Dictionary<string, MessageParser> Parsers = new()
    {
        ["/tasks/create"] = TaskCreate.Parser,
        ["/tasks/start"] = TaskStart.Parser,
        ["/tasks/paused"] = TaskPaused.Parser,
        ["/tasks/resumed"] = TaskResumed.Parser,
        ["/tasks/oom"] = TaskOOM.Parser,
        ["/tasks/delete"] = TaskDelete.Parser,
        ["/tasks/exec-added"] = TaskExecAdded.Parser,
        ["/tasks/exec-started"] = TaskExecStarted.Parser,
        ["/tasks/exit"] = TaskExit.Parser,
    };

    private static readonly JsonFormatter Formatter = new(
        JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));

    /// <summary>The lines that facts become for containerd.</summary>
    public static IReadOnlyList<string> Of(IEnumerable<IDomainEvent> facts) =>
        [.. facts.Select(TaskEventMapping.ToEvent).OfType<TaskEvent>().Select(told =>
            Of(
                told.Topic,
                (JsonObject)JsonNode.Parse(Formatter.Format(Parsers[told.Topic].ParseFrom(told.Event.Value)))!))];

    /// <summary>The line of one event.</summary>
    public static string Of(string topic, JsonObject message)
    {
        var words = new[] { "container_id", "exec_id", "id", "exit_status" }.Where(message.ContainsKey)
            .Select(key => $"{key}={message[key]}");
        return $"{topic} {string.Join(' ', words)}";
    }
}
