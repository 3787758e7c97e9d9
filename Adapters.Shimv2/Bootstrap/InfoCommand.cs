using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kata.Adapters.Shimv2.Tasks;
using Kata.Core.Application.Shim;
using Kata.Platform.Protos.Containerd.Types;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary><c>-info</c>: what the runtime can do. A daemon that gets no features from it fails containers with mapped mounts after their start.</summary>
internal static class InfoCommand
{
    /// <summary>The runtime's name at the container manager.</summary>
    public const string RuntimeName = "io.containerd.kata.v2";

    // What reaches mount(2) here as it is; everything more exotic is for the daemon's mount manager to activate.
    private const string Mounts = "bind,overlay";

    // No "user" namespace, no mapped mounts: a guest has none of them, so the daemon must not offer them. "rro" it may: that
    // what is mounted below is read-only too, the host sees to.
    private const string Features =
        """
        {"ociVersionMin":"1.0.0","ociVersionMax":"1.2.0",
        "hooks":["prestart","createRuntime","createContainer","startContainer","poststart","poststop"],
        "mountOptions":["async","bind","defaults","dev","diratime","dirsync","exec","iversion","loud","mand","noatime","nodev","nodiratime","noexec","noiversion","nomand","norelatime","nostrictatime","nosuid","private","rbind","relatime","remount","ro","rprivate","rro","rshared","rslave","runbindable","rw","shared","silent","slave","strictatime","suid","sync","unbindable"],
        "linux":{"namespaces":["cgroup","ipc","mount","network","pid","uts"],
        "cgroup":{"v1":true,"v2":true,"systemd":false,"systemdUser":false,"rdma":false},
        "seccomp":{"enabled":true,"actions":["SCMP_ACT_ALLOW","SCMP_ACT_ERRNO","SCMP_ACT_KILL","SCMP_ACT_KILL_PROCESS","SCMP_ACT_KILL_THREAD","SCMP_ACT_LOG","SCMP_ACT_TRACE","SCMP_ACT_TRAP"]},
        "apparmor":{"enabled":false},"selinux":{"enabled":false},
        "mountExtensions":{"idmap":{"enabled":false}}}}
        """;

    /// <summary>What is to be printed.</summary>
    public static byte[] Run() => new RuntimeInfo
    {
        Name = RuntimeName,
        Version = new RuntimeVersion { Version = ShimVersion.Text },
        Features = new Any { TypeUrl = TypeUrl.OciFeatures, Value = ByteString.CopyFromUtf8(Features) },
        Annotations = { ["containerd.io/runtime-allow-mounts"] = Mounts },
    }.ToByteArray();
}
