using System.Text.Json.Nodes;
using Kata.Platform.Protos.Containerd.Types;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>
/// What a container manager makes of an image: a bundle of a container that sleeps, with a root of busybox.
/// </summary>
internal sealed class Bundle
{
    private readonly string _root;

    private Bundle(string path, string root)
    {
        Path = path;
        _root = root;
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>How the root comes to its place.</summary>
    public Mount Rootfs => Device is null
        ? new() { Type = "bind", Source = _root, Options = { "rbind", "rw" } }
        : new() { Type = "ext4", Source = Device, Options = { "rw" } };

    /// <summary>A block device that holds the root; null for a directory.</summary>
    public string? Device { get; init; }

    /// <summary>The root's directory on the host, where containers leave what they found.</summary>
    public string Root => _root;

    /// <summary>
    /// Writes one; with a pod, its first container is the pod's own. It sleeps, unless it is given a script, and has a
    /// network of its own, unless it is given one by its path.
    /// </summary>
    public static Bundle Write(
        string parent, string id, string? pod = null, string? script = null, string? network = null,
        string? device = null)
    {
        var root = System.IO.Path.Combine(parent, "busybox");
        if (!Directory.Exists(root))
        {
            foreach (var name in new[] { "bin", "dev", "out", "proc", "sys", "tmp" })
                Directory.CreateDirectory(System.IO.Path.Combine(root, name));
            File.Copy(
                new[] { "/bin/busybox", "/usr/bin/busybox" }.First(File.Exists),
                System.IO.Path.Combine(root, "bin", "busybox"));
        }

        var path = System.IO.Path.Combine(parent, id);
        Directory.CreateDirectory(System.IO.Path.Combine(path, "rootfs"));
        File.WriteAllText(
            System.IO.Path.Combine(path, "config.json"),
            Config(id, pod, script ?? "exec /bin/busybox sleep 100000", network).ToJsonString());
        return new Bundle(path, root) { Device = device };
    }

    private static JsonObject Config(string id, string? pod, string script, string? network) => new()
    {
        ["ociVersion"] = "1.0.2",
        ["process"] = new JsonObject
        {
            ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 },
            ["args"] = new JsonArray("/bin/busybox", "sh", "-c", script),
            ["env"] = new JsonArray("PATH=/bin"),
            ["cwd"] = "/",
            ["capabilities"] = new JsonObject
            {
                ["bounding"] = new JsonArray("CAP_NET_RAW", "CAP_KILL"),
                ["effective"] = new JsonArray("CAP_NET_RAW", "CAP_KILL"),
                ["permitted"] = new JsonArray("CAP_NET_RAW", "CAP_KILL"),
            },
        },
        ["root"] = new JsonObject { ["path"] = "rootfs" },
        ["annotations"] = pod is null ? [] : new JsonObject
        {
            ["io.kubernetes.cri.container-type"] = id == pod ? "sandbox" : "container",
            ["io.kubernetes.cri.sandbox-id"] = pod,
        },
        ["mounts"] = new JsonArray(
            new JsonObject { ["destination"] = "/proc", ["type"] = "proc", ["source"] = "proc", ["options"] = new JsonArray("nosuid", "noexec", "nodev") },
            new JsonObject { ["destination"] = "/dev", ["type"] = "tmpfs", ["source"] = "tmpfs", ["options"] = new JsonArray("nosuid", "mode=755") }),
        ["linux"] = new JsonObject
        {
            ["cgroupsPath"] = $"/kata-bench/{id}",
            ["namespaces"] = new JsonArray(
            [
                .. new[] { "pid", "ipc", "uts", "mount" }.Select(type => new JsonObject { ["type"] = type }),
                network is null
                    ? new JsonObject { ["type"] = "network" }
                    : new JsonObject { ["type"] = "network", ["path"] = network },
            ]),
        },
    };
}
