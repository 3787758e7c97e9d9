using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Apps.Agent.Storage;

/// <summary>
/// A part of a volume in which containers write. It is found beneath the volume and shown at a place of the agent's
/// own: by its path, a link that a container has put there would lead crun out of the volume, into the guest's root.
/// </summary>
internal static class VolumePart
{
    private const string Below = "below=";
    private const uint AnyRead = 0x124;

    /// <summary>Shows the part at a place.</summary>
    /// <exception cref="IOException">It is missing and not to be made, a link is on the way, or it cannot be
    /// mounted.</exception>
    public static void Show(string volume, IReadOnlyCollection<string> options, string place)
    {
        using var part = Open(volume, options);
        if (FileStatus.Of(part).IsDirectory)
        {
            Directory.CreateDirectory(place);
        }
        else
        {
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            File.WriteAllBytes(place, []);
        }

        Mounts.Bind($"/proc/self/fd/{part.DangerousGetHandle()}", place);
    }

    /// <summary>
    /// Opens it to be looked at. With <c>make=</c> it is made first if it is missing, with the folders above it, of the
    /// mode and owner that the options say; what the containers have made stays as they have it.
    /// </summary>
    public static SafeFileHandle Open(string volume, IReadOnlyCollection<string> options)
    {
        // Not by StorageOptions: a name may have a comma.
        var below = options.FirstOrDefault(option => option.StartsWith(Below, StringComparison.Ordinal))
            ?[Below.Length..].Trim('/');
        if (string.IsNullOrEmpty(below))
        {
            throw new FormatException("a part of a volume needs below=");
        }

        using var root = BeneathPath.Open(volume);
        try
        {
            if (StorageOptions.Value(options, "make") is { } kind)
            {
                Make(root, below.Split('/', StringSplitOptions.RemoveEmptyEntries), kind, options);
            }

            var part = root.OpenFile(below, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW);
            if (!FileStatus.Of(part).IsLink)
            {
                return part;
            }

            // To look at it, the kernel opens a link in the last place itself.
            part.Dispose();
            throw new LinuxException(Errno.ELOOP, "openat2", below);
        }
        catch (LinuxException e) when (e.Errno is Errno.ELOOP or Errno.EXDEV)
        {
            throw new IOException($"{below} leads through a link or out of the volume, which a part of it may not", e);
        }
    }

    private static void Make(BeneathPath root, string[] parts, string kind, IReadOnlyCollection<string> options)
    {
        var mode = StorageOptions.Mode(options)
            ?? throw new FormatException("a part of a volume that is to be made needs mode=");
        var owner = (
            (uint?)StorageOptions.Number(options, "uid") ?? uint.MaxValue,
            (uint?)StorageOptions.Number(options, "gid") ?? uint.MaxValue);
        for (var depth = 1; depth <= parts.Length; depth++)
        {
            var path = string.Join('/', parts[..depth]);
            using var there = root.TryOpenFile(path, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW);
            if (there is not null)
            {
                continue;
            }

            if (kind == "directory" || depth < parts.Length)
            {
                using var made = root.CreateDirectory(path, 0x1C0);
                // Who may read in a folder may enter it, also where only a file's mode is known.
                Finish(made.Handle, kind == "directory" ? mode : mode | ((mode & AnyRead) >> 2), owner);
            }
            else
            {
                using var made = root.CreateFile(path, 0x180);
                Finish(made, mode, owner);
            }
        }
    }

    private static void Finish(SafeFileHandle made, uint mode, (uint User, uint Group) owner)
    {
        var path = $"/proc/self/fd/{made.DangerousGetHandle()}";
        // The owner first: changing it clears set-id bits.
        Nodes.ChangeOwnerOfTarget(path, owner.User, owner.Group);
        Nodes.ChangeMode(path, mode);
    }
}
