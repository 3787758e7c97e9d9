namespace Kata.Apps.Agent.Sandboxes;

/// <summary>
/// Where things lie in the guest. The host names some of these paths, so only tests put them elsewhere.
/// </summary>
/// <param name="Run">For the guest <c>/run</c>.</param>
/// <param name="CgroupRoot">The cgroup v2 hierarchy.</param>
internal sealed record AgentPaths(string Run, string CgroupRoot)
{
    public static readonly AgentPaths Guest = new("/run", "/sys/fs/cgroup");

    /// <summary>Bundles, and what the host has mounted for its containers.</summary>
    public string Containers => Path.Combine(Run, "kata-containers");

    /// <summary>The directory that files are copied into when nothing is shared.</summary>
    public string Share => Path.Combine(Containers, "shared/containers");

    public string Shared => Path.Combine(Containers, "sandbox");

    public string Namespaces => Path.Combine(Run, "sandbox-ns");

    public string IpcNamespace => Path.Combine(Namespaces, "ipc");

    public string UtsNamespace => Path.Combine(Namespaces, "uts");

    public string PidNamespace => Path.Combine(Namespaces, "pid");

    /// <summary>Short, because a socket's path has 107 bytes.</summary>
    public string Consoles => Path.Combine(Run, "kata-consoles");

    public string Crun => Path.Combine(Run, "crun");

    public string CrunState(string containerId) => Path.Combine(Crun, "state", containerId);

    /// <summary>Whether a directory of the sandbox lies where a container of this name would have its bundle.</summary>
    public static bool IsOurs(string containerId) => containerId is "shared" or "sandbox";

    public string Bundle(string containerId) => Path.Combine(Containers, containerId);
}
