using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Kata.Platform.Protos.Agent;

namespace Kata.Tests.Parity.AgentCalls;

/// <summary>
/// Two lives' calls as facts that only one of them has: calls in order, and what is in those that both make. Calls that
/// run beside others, whose place and number are chance, count once for each different message.
/// </summary>
internal static partial class CallFacts
{
    private static readonly string[] Beside = ["Check", "ReadStdout", "ReadStderr", "WaitProcess", "GetOOMEvent",
        "CloseStdin"];
    private static readonly JsonFormatter Formatter = new(
        JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));

    // By what the entries of a list are told apart; others by their place.
    private static readonly string[] Keys = ["mount_point", "destination", "Destination", "Type", "Path", "device",
        "dest"];

    /// <summary>The differences, upstream's and ours.</summary>
    public static IEnumerable<(bool IsOurs, string Fact)> Differences(
        IReadOnlyList<AgentCall> upstream, IReadOnlyList<AgentCall> ours)
    {
        var (theirNames, ourNames) = (ExecNames(upstream), ExecNames(ours));
        foreach (var difference in Compare(BesideFacts(upstream, theirNames), BesideFacts(ours, ourNames)))
            yield return difference;

        var theirs = InOrder(upstream, theirNames);
        var our = InOrder(ours, ourNames);
        foreach (var (their, own) in Align([.. theirs.Select(call => call.Signature)],
            [.. our.Select(call => call.Signature)]))
        {
            if (own is null)
                yield return (false, $"call {theirs[their!.Value].Signature}");
            else if (their is null)
                yield return (true, $"call {our[own.Value].Signature}");
            else
            {
                foreach (var difference in Compare(theirs[their.Value].Facts, our[own.Value].Facts))
                    yield return difference;
            }
        }
    }

    private static IEnumerable<(bool, string)> Compare(HashSet<string> upstream, HashSet<string> ours) =>
        upstream.Except(ours).Select(fact => (false, fact)).Concat(ours.Except(upstream).Select(fact => (true, fact)));

    private static HashSet<string> BesideFacts(IReadOnlyList<AgentCall> calls, Dictionary<string, string> names) =>
        [.. calls.Where(call => Beside.Contains(call.Method)).Select(call => $"{call.Method} {string.Join(' ', Flatten("", Json(call, names)))}".TrimEnd())];

    private static List<(string Signature, HashSet<string> Facts)> InOrder(
        IReadOnlyList<AgentCall> calls, Dictionary<string, string> names) =>
        [.. calls.Where(call => !Beside.Contains(call.Method)).Select(call =>
        {
            var json = Json(call, names);
            var words = new[] { call.Method, Text(json["container_id"]), Text(json["signal"]) }.Where(
                word => word.Length > 0);
            return (
                string.Join(' ', words),
                (HashSet<string>)[.. Flatten("", json).Select(fact => $"{call.Method} {fact}")]);
        })];

    // What makes the name of a shared file unique: random digits upstream, the mount's number here.
    private static string Text(JsonNode? node) => SharedFile().Replace(node?.ToString() ?? "", "$1-N-");

    [GeneratedRegex(@"^(/run/kata-containers/shared/containers/\w+)-(\$\{RANDOM_\d+\}|\d+)-")]
    private static partial Regex SharedFile();

    // Upstream's shim makes ids of its own for the guest; they are named in their order.
    private static Dictionary<string, string> ExecNames(IReadOnlyList<AgentCall> calls) => calls
        .Select(call => call.Message).OfType<ExecProcessRequest>().Select(request => request.ExecId).Distinct()
        .Index().ToDictionary(pair => pair.Item, pair => $"exec{pair.Index + 1}");

    private static JsonObject Json(AgentCall call, Dictionary<string, string> names)
    {
        var json = (JsonObject)JsonNode.Parse(Formatter.Format(call.Message))!;
        if (json["exec_id"] is { } exec && names.TryGetValue(exec.ToString(), out var name))
            json["exec_id"] = name;
        return json;
    }

    private static IEnumerable<string> Flatten(string path, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                foreach (var (key, value) in map)
                {
                    foreach (var fact in Flatten(path.Length == 0 ? key : $"{path}.{key}", value))
                        yield return fact;
                }

                break;
            case JsonArray list when list.All(entry => entry is JsonObject):
                foreach (var (index, entry) in list.Index())
                {
                    var key = Keys.Select(name => entry![name]).FirstOrDefault(found => found is not null)?.ToString()
                        ?? $"{index}";
                    foreach (var fact in Flatten($"{path}[{key}]", entry))
                        yield return fact;
                }

                break;
            case JsonArray list:
                yield return $"{path}={string.Join(',', list.Select(Text))}";
                break;
            default:
                yield return $"{path}={Text(node)}";
                break;
        }
    }

    /// <summary>The longest common sequence, and between its members what only one side has.</summary>
    internal static IEnumerable<(int? Their, int? Own)> Align(IReadOnlyList<string> theirs, IReadOnlyList<string> ours)
    {
        var length = new int[theirs.Count + 1, ours.Count + 1];
        for (var i = theirs.Count - 1; i >= 0; i--)
        {
            for (var j = ours.Count - 1; j >= 0; j--)
                length[i, j] = theirs[i] == ours[j]
                    ? length[i + 1, j + 1] + 1
                    : Math.Max(length[i + 1, j], length[i, j + 1]);
        }

        int t = 0, o = 0;
        while (t < theirs.Count || o < ours.Count)
        {
            if (t < theirs.Count && o < ours.Count && theirs[t] == ours[o])
                yield return (t++, o++);
            else if (o == ours.Count || (t < theirs.Count && length[t + 1, o] >= length[t, o + 1]))
                yield return (t++, null);
            else
                yield return (null, o++);
        }
    }
}
