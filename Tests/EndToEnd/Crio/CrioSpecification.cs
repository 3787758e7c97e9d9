using System.Text.Json.Nodes;

namespace Kata.Tests.EndToEnd.Crio;

/// <summary>Specifications as CRI-O writes them: its annotations, an absolute root, the pod's namespaces by path.</summary>
internal static class CrioSpecification
{
    /// <summary>The container that keeps a pod. It is never left out for this type of runtime.</summary>
    public static JsonObject Pod(string id, string root, string network, string cgroup) => Write(id, id, "sandbox", root, network, cgroup, null, "sleep 100000");

    /// <summary>A container of a pod.</summary>
    public static JsonObject Container(string id, string pod, string root, string network, string cgroup, JsonObject? resources, string script) =>
        Write(id, pod, "container", root, network, cgroup, resources, script);

    private static JsonObject Write(string id, string pod, string type, string root, string network, string cgroup, JsonObject? resources, string script) => new()
    {
        ["ociVersion"] = "1.2.0",
        ["hostname"] = "crio-pod",
        ["process"] = new JsonObject
        {
            ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 },
            ["args"] = new JsonArray("/bin/sh", "-c", script),
            ["env"] = new JsonArray("PATH=/bin"),
            ["cwd"] = "/",
            ["noNewPrivileges"] = true,
            ["oomScoreAdj"] = type == "sandbox" ? -998 : 1000,
        },
        ["root"] = new JsonObject { ["path"] = root },
        ["annotations"] = new JsonObject
        {
            ["io.kubernetes.cri-o.ContainerType"] = type,
            ["io.kubernetes.cri-o.SandboxID"] = pod,
            ["io.kubernetes.cri-o.ContainerID"] = id,
            ["io.kubernetes.cri-o.SandboxName"] = $"k8s_POD_{pod}_default_uid_0",
            ["io.kubernetes.cri-o.ContainerName"] = $"k8s_{type}_{pod}_default_uid_0",
            ["io.kubernetes.cri-o.KubeName"] = "crio-pod",
            ["io.kubernetes.cri-o.Namespace"] = "default",
            ["io.kubernetes.cri-o.RuntimeHandler"] = "kata",
            ["io.kubernetes.cri-o.Labels"] = "{\"io.kubernetes.pod.name\":\"crio-pod\"}",
            ["io.kubernetes.cri-o.Annotations"] = "{}",
            ["io.kubernetes.cri-o.TTY"] = "false",
            ["io.kubernetes.cri-o.Stdin"] = "false",
            ["io.container.manager"] = "cri-o",
        },
        ["mounts"] = new JsonArray(
            Mount("/proc", "proc", "nosuid", "noexec", "nodev"),
            Mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            Mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            Mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            Mount("/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")),
        ["linux"] = new JsonObject
        {
            ["cgroupsPath"] = $"{cgroup}/crio-{id}",
            ["resources"] = resources?.DeepClone() ?? new JsonObject { ["cpu"] = new JsonObject { ["shares"] = 2 } },
            ["namespaces"] = new JsonArray(
                new JsonObject { ["type"] = "pid" },
                new JsonObject { ["type"] = "ipc" },
                new JsonObject { ["type"] = "uts" },
                new JsonObject { ["type"] = "mount" },
                new JsonObject { ["type"] = "network", ["path"] = network }),
        },
    };

    private static JsonObject Mount(string destination, string type, params string[] options) => new()
    {
        ["destination"] = destination,
        ["type"] = type,
        ["source"] = type,
        ["options"] = new JsonArray([.. options.Select(option => JsonValue.Create(option))]),
    };
}
