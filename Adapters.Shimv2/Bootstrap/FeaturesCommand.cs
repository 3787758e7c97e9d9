using System.Text;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// <c>features</c>: the OCI document on what a runtime can do, as JSON. CRI-O asks each runtime for it at its own
/// start, and offers pods nothing that is not in it; containerd gets the same inside of what <c>-info</c> prints.
/// </summary>
internal static class FeaturesCommand
{
    // No "user" namespace, no mapped mounts: a guest has none of them, so the daemon must not offer them. "rro" it may:
    // that what is mounted below is read-only too, the host sees to.
    private const string Document =
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
    public static byte[] Run() => Encoding.UTF8.GetBytes(Document);
}
