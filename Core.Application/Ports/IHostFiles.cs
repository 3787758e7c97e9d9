using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>
/// Looks at what a specification names on the host. Nothing is changed, and nothing is opened for reading or writing.
/// </summary>
public interface IHostFiles
{
    /// <summary>
    /// What is at a path, links followed; null if there is nothing. A filesystem that does not answer before the token
    /// fires fails as DeadlineExceeded, with the path.
    /// </summary>
    Task<HostFile?> LookAsync(HostPath path, CancellationToken ct);

    /// <summary>
    /// Files and links in a directory and below it; one more than <paramref name="most"/> if there are more than that.
    /// A filesystem that does not answer fails as in <see cref="LookAsync"/>.
    /// </summary>
    Task<int> CountAsync(HostPath directory, int most, CancellationToken ct);

    /// <summary>Whether other filesystems are mounted below a directory, whose path is without links.</summary>
    Task<bool> HasMountsAsync(HostPath directory, CancellationToken ct);

    /// <summary>The node of a block device by its number; null if the host has no such device.</summary>
    Task<HostPath?> FindBlockDeviceAsync(DeviceNumber number, CancellationToken ct);
}

/// <summary>What a path of the host leads to.</summary>
public sealed record HostFile
{
    /// <summary>What it is.</summary>
    public required HostFileKind Kind { get; init; }

    /// <summary>Where it is, without links.</summary>
    public required HostPath RealPath { get; init; }

    /// <summary>The number of a device node.</summary>
    public DeviceNumber Number { get; init; }

    /// <summary>A block device that cannot be written.</summary>
    public bool ReadOnlyDevice { get; init; }

    /// <summary>Permission bits with set-id and sticky.</summary>
    public uint Permissions { get; init; }

    /// <summary>User that owns it.</summary>
    public uint UserId { get; init; }

    /// <summary>Group that owns it.</summary>
    public uint GroupId { get; init; }

    /// <summary>Type of the filesystem it is on.</summary>
    public string FsType { get; init; } = "";

    /// <summary>It is the root of that filesystem's mount.</summary>
    public bool IsMountPoint { get; init; }

    /// <summary>What of the filesystem that mount shows: <c>/</c> for all of it.</summary>
    public string MountRoot { get; init; } = "/";

    /// <summary>Options of that filesystem, such as <c>size=65536k</c>.</summary>
    public IReadOnlyList<string> FsOptions { get; init; } = [];

    /// <summary>Device and inode: the same for every path that leads here.</summary>
    public string Identity { get; init; } = "";
}

/// <summary>Kinds of files.</summary>
public enum HostFileKind
{
    /// <summary>Regular file.</summary>
    File,

    /// <summary>Directory.</summary>
    Directory,

    /// <summary>Block device.</summary>
    BlockDevice,

    /// <summary>Character device.</summary>
    CharacterDevice,

    /// <summary>Socket.</summary>
    Socket,

    /// <summary>Named pipe.</summary>
    Fifo,
}

/// <summary>Number of a device node.</summary>
public readonly record struct DeviceNumber(long Major, long Minor)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Major}:{Minor}";
}
