using System.Text.Json.Nodes;

namespace Kata.Tests.EndToEnd.Crio;

/// <summary>
/// Specifications as CRI-O writes them. The documents below <c>Recorded</c> are those of a real CRI-O 1.37 (built
/// without seccomp), its values replaced by words in braces: what is not put in here is as it was recorded.
/// </summary>
internal static class CrioSpecification
{
    /// <summary>
    /// The container that keeps a pod, read-only and of an image of one file. It is never left out for this type of
    /// runtime.
    /// </summary>
    public static JsonObject Pod(string id, string root, string network, string cgroup)
    {
        var written = Write("sandbox", id, id, root, network, cgroup);
        written["process"]!["args"] = new JsonArray([.. CrioHost.PauseCommand.Select(word => JsonValue.Create(word))]);
        return written;
    }

    /// <summary>A container of a pod, with recorded limits if none are given.</summary>
    public static JsonObject Container(
        string id, string pod, string root, string network, string cgroup, JsonObject? resources, string script,
        bool readOnly = false)
    {
        var written = Write("container", id, pod, root, network, cgroup);
        written["process"]!["args"] = new JsonArray("/bin/sh", "-c", script);
        if (resources is not null)
            written["linux"]!["resources"] = resources.DeepClone();
        // A root that may be written has no such field.
        if (readOnly)
            written["root"]!["readonly"] = true;
        return written;
    }

    /// <summary>A process beside a container's first: that one's, with other words.</summary>
    public static JsonObject Exec(JsonObject container, params string[] command)
    {
        var process = (JsonObject)container["process"]!.DeepClone();
        process["args"] = new JsonArray([.. command.Select(word => JsonValue.Create(word))]);
        return process;
    }

    /// <summary>A document as it was recorded, values in braces.</summary>
    public static JsonObject Recorded(string name)
    {
        using var resource = typeof(CrioSpecification).Assembly.GetManifestResourceStream($"{name}.json")
            ?? throw new InvalidOperationException($"no recorded document is named {name}");
        return (JsonObject)JsonNode.Parse(resource)!;
    }

    private static JsonObject Write(string name, string id, string pod, string root, string network, string cgroup)
    {
        var values = new Dictionary<string, string>
        {
            ["{id}"] = id,
            ["{pod}"] = pod,
            ["{root}"] = root,
            ["{bundle}"] = CrioHost.BundleOf(id),
            ["{podBundle}"] = CrioHost.BundleOf(pod),
            ["{network}"] = network,
            ["{ipc}"] = CrioHost.NamespaceBeside(network, "ipc"),
            ["{uts}"] = CrioHost.NamespaceBeside(network, "uts"),
            ["{cgroup}"] = cgroup,
        };
        return (JsonObject)Fill(Recorded(name), values)!;
    }

    private static JsonNode? Fill(JsonNode? node, Dictionary<string, string> values) => node switch
    {
        JsonObject fields =>
            new JsonObject(fields.Select(field => KeyValuePair.Create(field.Key, Fill(field.Value, values)))),
        JsonArray items => new JsonArray([.. items.Select(item => Fill(item, values))]),
        JsonValue value when value.TryGetValue<string>(out var text) =>
            JsonValue.Create(
                values.Aggregate(
                    text, (filled, entry) => filled.Replace(entry.Key, entry.Value, StringComparison.Ordinal))),
        _ => node?.DeepClone(),
    };
}
