using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Rootfs;

/// <summary>
/// Makes mount points that a container's root lacks, as its runtime in the guest would if it could write there. Image
/// and guest may have written the root: its links are followed by hand, each step beneath it, so that none leads
/// elsewhere on the host.
/// </summary>
internal static class MountPointMaker
{
    /// <summary>As many links as the kernel follows.</summary>
    private const int MaxLinks = 40;

    /// <summary>Each step holds a descriptor; links that lead to what is missing could ask for any number.</summary>
    private const int MaxSteps = 256;

    private const uint DirectoryMode = 0x1ED;
    private const uint FileMode = 0x1A4;

    /// <summary>
    /// Makes the place unless there is something. What cannot be one, such as a way through a file, is left for the
    /// runtime to refuse by its name, and so is everything in a root that is read-only to the host too.
    /// </summary>
    public static void Make(string root, MountPoint point)
    {
        var way = new Stack<BeneathPath>([BeneathPath.Open(root)]);
        try
        {
            Walk(way, point);
        }
        catch (LinuxException e) when (e.Errno is Errno.EROFS or Errno.ENOTDIR or Errno.ELOOP or Errno.ENAMETOOLONG)
        {
            // The runtime comes to the same end, and says so.
        }
        catch (LinuxException e)
        {
            throw GuestErrors.Translate(e, $"making the mount point {point.Path}, which the root lacks,");
        }
        finally
        {
            foreach (var directory in way)
                directory.Dispose();
        }
    }

    private static void Walk(Stack<BeneathPath> way, MountPoint point)
    {
        var ahead = new Stack<string>();
        Add(ahead, point.Path);
        var links = 0;
        for (var steps = 0; ahead.TryPop(out var name); steps++)
        {
            var here = way.Peek();
            if (name == "..")
            {
                // At the root it leads nowhere, as in the container.
                if (way.Count > 1)
                    way.Pop().Dispose();
                continue;
            }

            var found = here.TryLook(name);
            if (found is null && ahead.Count == 0 && !point.IsDirectory)
            {
                here.CreateFile(name, FileMode).Dispose();
            }
            else if (found is { IsLink: true })
            {
                if (++links > MaxLinks)
                    throw new LinuxException(Errno.ELOOP, "readlinkat", point.Path);
                var target = here.TryReadLink(name) ?? "";
                if (target.StartsWith('/'))
                    Clear(way);
                Add(ahead, target);
            }
            else if (found is null or { IsDirectory: true })
            {
                if (steps > MaxSteps)
                    throw new LinuxException(Errno.ELOOP, "mkdirat", point.Path);
                way.Push(here.CreateDirectory(name, DirectoryMode));
            }
            else if (ahead.Count > 0)
            {
                throw new LinuxException(Errno.ENOTDIR, "openat2", point.Path);
            }
        }
    }

    private static void Add(Stack<string> ahead, string path)
    {
        foreach (var name in path.Split('/').Reverse().Where(name => name is not ("" or ".")))
            ahead.Push(name);
    }

    private static void Clear(Stack<BeneathPath> way)
    {
        while (way.Count > 1)
            way.Pop().Dispose();
    }
}
