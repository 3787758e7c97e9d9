using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Domain.Sandboxes;

/// <summary>Where things are in the guest, as upstream's agent has it.</summary>
public static class GuestPaths
{
    /// <summary>The tag of the shared directory.</summary>
    public const string ShareTag = "kataShared";

    /// <summary>Where the guest mounts the shared directory.</summary>
    public static readonly GuestPath Share = GuestPath.Parse("/run/kata-containers/shared/containers", "guest share");

    /// <summary>The sandbox's shared memory, all its containers' /dev/shm.</summary>
    public static readonly GuestPath SandboxShm = GuestPath.Parse("/run/kata-containers/sandbox/shm", "guest shm");

    /// <summary>The root of a container, in the shared directory.</summary>
    public static GuestPath Rootfs(ContainerId id) => Share.Append($"{id}/rootfs");
}
