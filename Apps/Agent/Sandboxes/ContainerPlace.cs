namespace Kata.Apps.Agent.Sandboxes;

/// <summary>What a sandbox gives each of its containers.</summary>
/// <param name="CgroupPath">Below the cgroup root.</param>
/// <param name="IpcNamespace">A file that stands for the shared namespace; empty makes a new one.</param>
/// <param name="UtsNamespace">As for ipc.</param>
/// <param name="PidNamespace">The first container's, if this one joins it; empty makes a new one.</param>
/// <param name="SelinuxEnabled">Whether labels mean anything to this kernel.</param>
internal sealed record ContainerPlace(
    string CgroupPath,
    string IpcNamespace,
    string UtsNamespace,
    string PidNamespace,
    bool SelinuxEnabled);
