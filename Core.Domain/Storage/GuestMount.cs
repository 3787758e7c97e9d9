namespace Kata.Core.Domain.Storage;

/// <summary>A storage that the agent mounts in the guest (agent protocol, Storage message).</summary>
public sealed record GuestMount
{
    /// <summary>
    /// The agent's handler, such as <c>virtio-fs</c>, <c>ephemeral</c>, <c>local</c>, <c>bind</c>, <c>overlayfs</c>.
    /// </summary>
    public required string Driver { get; init; }

    /// <summary>What is mounted: a tag, a device, a path.</summary>
    public required string Source { get; init; }

    /// <summary>The filesystem's type.</summary>
    public required string FsType { get; init; }

    /// <summary>Where.</summary>
    public required GuestPath MountPoint { get; init; }

    /// <summary>Mount options.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>Options for the handler.</summary>
    public IReadOnlyList<string> DriverOptions { get; init; } = [];

    /// <summary>The group that owns what is inside; null to leave it.</summary>
    public VolumeGroup? Group { get; init; }

    /// <summary>Stays mounted when its last container goes.</summary>
    public bool Shared { get; init; }
}

/// <summary>The group to which a volume's files are given.</summary>
/// <param name="GroupId">The group.</param>
/// <param name="OnlyOnMismatch">Only if the root of the volume is not that group's already.</param>
public sealed record VolumeGroup(uint GroupId, bool OnlyOnMismatch);
