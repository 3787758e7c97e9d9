namespace Kata.Core.Domain.Storage;

/// <summary>
/// A place in a container's root that something will be mounted on; that root's links lead to places in it.
/// </summary>
public sealed record MountPoint
{
    private MountPoint(string path, bool isDirectory) => (Path, IsDirectory) = (path, isDirectory);

    /// <summary>Where, from the root: absolute, without "." and ".." segments.</summary>
    public string Path { get; }

    /// <summary>False for a file.</summary>
    public bool IsDirectory { get; }

    /// <summary>The place, or null for what names none.</summary>
    public static MountPoint? TryParse(string? path, bool isDirectory) =>
        HostPath.TryParse(path) is { Value: not "/" } parsed ? new MountPoint(parsed.Value, isDirectory) : null;
}
