using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Kata.Platform.Protos.Agent;

namespace Kata.Tests.Parity.AgentCalls;

/// <summary>A call to the agent.</summary>
internal sealed record AgentCall(string Method, IMessage Message)
{
    /// <summary>The calls, by their number, whose answer it comes after.</summary>
    public IReadOnlyList<int> After { get; init; } = [];
}

/// <summary>One recorded life of upstream's shim.</summary>
internal sealed class Recording(string name)
{
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default);

    private readonly string _folder = Path.Combine(Here(), "..", "Recordings", "agent", name);

    /// <summary>The specification of a container, to be changed at will.</summary>
    public JsonObject Config(string id) =>
        (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, $"config.{id}.json")))!;

    /// <summary>Where its bundle was.</summary>
    public string Bundle(string id) =>
        $"/run/containerd/io.containerd.runtime.v2.task/{(name.StartsWith("pod-", StringComparison.Ordinal) ? "k8s.io" : "default")}/{id}";

    /// <summary>Upstream's calls, in their order.</summary>
    public IReadOnlyList<AgentCall> Calls() => [.. Lines("calls.jsonl").Select(line =>
    {
        var method = (string)line["method"]!;
        return new AgentCall(method, Parser.Parse(line["message"]!.ToJsonString(), RequestOf(method)))
        {
            After = [.. line["after"]?.AsArray().Select(number => (int)number!) ?? []],
        };
    })];

    /// <summary>The task events, in their order.</summary>
    public IReadOnlyList<string> Events() =>
        [.. Lines("events.jsonl").Select(line => EventText.Of((string)line["topic"]!, (JsonObject)line["event"]!))];

    private static MessageDescriptor RequestOf(string method) => AgentReflection.Descriptor.Services
        .Concat(HealthReflection.Descriptor.Services)
        .SelectMany(service => service.Methods)
        .First(known => known.Name == method).InputType;

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    private IEnumerable<JsonNode> Lines(string file) =>
        File.ReadLines(Path.Combine(_folder, file)).Select(line => JsonNode.Parse(line)!);
}
