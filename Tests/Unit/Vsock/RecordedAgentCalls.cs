using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Google.Protobuf.Reflection;
using Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Vsock;

/// <summary>One message that an upstream shim and agent exchanged: one of each distinct shape.</summary>
internal sealed record RecordedCall(string Method, bool IsRequest, JsonObject Message)
{
    public MessageDescriptor Descriptor
    {
        get
        {
            var parts = Method.TrimStart('/').Split('/');
            var service = AgentReflection.Descriptor.Services.Concat(HealthReflection.Descriptor.Services)
                .Single(s => s.FullName == parts[0]);
            var method = service.FindMethodByName(parts[1]);
            return IsRequest ? method.InputType : method.OutputType;
        }
    }
}

internal static class RecordedAgentCalls
{
    public static IReadOnlyList<RecordedCall> Read([CallerFilePath] string here = "") =>
        [.. File.ReadLines(Path.Combine(Path.GetDirectoryName(here)!, "Recordings",
            "agent-calls.jsonl")).Select(Parse)];

    private static RecordedCall Parse(string line)
    {
        var node = JsonNode.Parse(line)!;
        return new RecordedCall(
            (string)node["method"]!, (string)node["dir"]! == "request", (JsonObject)node["message"]!);
    }
}
