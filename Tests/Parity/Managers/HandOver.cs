using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Parity.Managers;

/// <summary>
/// What a real container manager handed its runtime over for one container: the bundle's document and the request of
/// Create, as they were seen behind <c>io.containerd.kata.v2</c>, with ids, names and paths made up and long lists cut.
/// </summary>
internal sealed class HandOver
{
    private HandOver(string name, JsonObject document)
    {
        Name = name;
        Document = document;
    }

    /// <summary>Folder and file: the manager with its version, and the case.</summary>
    public string Name { get; }

    /// <summary>The bundle's config.json.</summary>
    public JsonObject Bundle => Document["bundle"]!.AsObject();

    /// <summary>The process document of an Exec; null if there was none.</summary>
    public JsonNode? Exec => Document["exec"];

    /// <summary>The limits of an Update; null if there was none.</summary>
    public JsonNode? Update => Document["update"];

    /// <summary>The container's id, which is the last part of its cgroup.</summary>
    public string Id => ((string)Bundle["linux"]!["cgroupsPath"]!).Split('/')[^1];

    /// <summary>The pod that the container is of; its own id where there is none.</summary>
    public string Sandbox => (string?)Bundle["annotations"]?["io.kubernetes.cri.sandbox-id"] ?? Id;

    /// <summary>The request's mounts of the root; none where the manager has mounted it.</summary>
    public IReadOnlyList<MountSpec> Rootfs =>
        [.. Document["rootfs"]!.AsArray().Select(mount => RootOf(mount!))];

    /// <summary>The request's terminal.</summary>
    public bool Terminal => (bool)Document["terminal"]!;

    private JsonObject Document { get; }

    /// <summary>All that were recorded.</summary>
    public static IEnumerable<string> All() => Directory.EnumerateFiles(Here(), "*.json", SearchOption.AllDirectories)
        .Select(path => Path.ChangeExtension(Path.GetRelativePath(Here(), path), null))
        .Order(StringComparer.Ordinal);

    /// <summary>One of them.</summary>
    public static HandOver Read(string name) =>
        new(name, JsonNode.Parse(File.ReadAllText(Path.Combine(Here(), name + ".json")))!.AsObject());

    private static MountSpec RootOf(JsonNode mount) => new(
        (string)mount["type"]!, (string)mount["source"]!, "", [.. mount["options"]!.AsArray().Select(o => (string)o!)]);

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
