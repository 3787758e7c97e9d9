using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using Xunit;

namespace Kata.Tests.EndToEnd.Crio;

/// <summary>What CRI-O is played with has the fields of what a real one handed over.</summary>
public sealed partial class CrioSpecificationTests
{
    // What a test runs, and the limits that it is about, are its own.
    private static readonly string[] Own = ["process.args", "linux.resources"];

    [Fact]
    public void Pod_when_written_differs_from_the_recorded_document_by_its_command_alone() =>
        Differences("sandbox", CrioSpecification.Pod("p1", "/root", "/run/ns/netns/n1", "/pods"))
            .Should().OnlyContain(path => path.StartsWith("process.args", StringComparison.Ordinal));

    [Fact]
    public void Container_when_written_differs_from_the_recorded_document_by_its_command_alone() =>
        Differences(
            "container", CrioSpecification.Container("c1", "p1", "/root", "/run/ns/netns/n1", "/pods", null, "true"))
            .Should().OnlyContain(path => path.StartsWith("process.args", StringComparison.Ordinal));

    [Fact]
    public void Container_when_it_is_read_only_and_limited_differs_by_what_was_asked_for()
    {
        var limits = new JsonObject { ["pids"] = new JsonObject { ["limit"] = 5 } };

        Differences(
            "container",
            CrioSpecification.Container(
                "c1", "p1", "/root", "/run/ns/netns/n1", "/pods", limits, "true", readOnly: true))
            .Should().Contain("root.readonly").And.OnlyContain(
                path => path == "root.readonly" || Own.Any(own => path.StartsWith(own, StringComparison.Ordinal)));
    }

    // Each pod of CRI-O is this: what is mounted in it has nothing to be mounted on, and nobody may make it in the
    // container.
    [Fact]
    public void Pod_as_it_was_recorded_has_a_read_only_root_and_mounts_in_it()
    {
        var recorded = Fields(CrioSpecification.Recorded("sandbox"), "");

        recorded["root.readonly"].Should().Be("true");
        recorded.Values.Should().Contain(["\"/proc\"", "\"/etc/resolv.conf\""]);
    }

    private static IEnumerable<string> Differences(string name, JsonObject written)
    {
        var (recorded, ours) = (Fields(CrioSpecification.Recorded(name), ""), Fields(written, ""));
        return recorded.Keys.Union(ours.Keys)
            .Where(path => !SameValue(recorded.GetValueOrDefault(path), ours.GetValueOrDefault(path)));
    }

    // Where a value was put in, anything but its place holder is right.
    private static bool SameValue(string? recorded, string? ours) =>
        recorded == ours
            || (
                recorded is not null && ours is not null && PlaceHolder().IsMatch(recorded)
                    && !PlaceHolder().IsMatch(ours));

    [GeneratedRegex(@"\{(id|pod|root|bundle|podBundle|network|ipc|uts|cgroup)\}")]
    private static partial Regex PlaceHolder();

    private static Dictionary<string, string> Fields(JsonNode? node, string path) => node switch
    {
        JsonObject fields =>
            fields.SelectMany(field => Fields(field.Value, path.Length == 0 ? field.Key : $"{path}.{field.Key}"))
                .ToDictionary(),
        JsonArray items => items.SelectMany((item, index) => Fields(item, $"{path}[{index}]")).ToDictionary(),
        _ => new Dictionary<string, string> { [path] = node?.ToJsonString() ?? "null" },
    };
}
