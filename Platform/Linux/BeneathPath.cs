using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// A directory whose content somebody hostile may write. Every path is resolved by the kernel beneath it; a link
/// anywhere in a path, or a way out of it, is refused (ELOOP, EXDEV). Nothing here follows a link.
/// </summary>
public sealed class BeneathPath : IDisposable
{
    private const ulong RESOLVE_NO_MAGICLINKS = 0x02;
    private const ulong RESOLVE_NO_SYMLINKS = 0x04;
    private const ulong RESOLVE_BENEATH = 0x08;
    private const int AT_REMOVEDIR = 0x200;

    private readonly SafeFileHandle _root;

    private BeneathPath(SafeFileHandle root, string name)
    {
        _root = root;
        Name = name;
    }

    /// <summary>How it was opened, for messages.</summary>
    public string Name { get; }

    public SafeFileHandle Handle => _root;

    /// <summary>
    /// The directory by its descriptor, for calls that take a path, such as a mount; valid while this is open.
    /// </summary>
    public string DescriptorPath => $"/proc/self/fd/{_root.DangerousGetHandle()}";

    /// <param name="directory">A trusted path; its own last part must not be a link.</param>
    public static BeneathPath Open(string directory) =>
        new(DescriptorIo.Open(directory, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW), directory);

    /// <summary>A file, by flags of <see cref="OpenFlags"/>. With O_CREAT the parent must exist.</summary>
    public SafeFileHandle OpenFile(string path, int flags, uint mode = 0) =>
        TryOpen(path, flags, mode) ?? throw new LinuxException(Errno.ENOENT, "openat2", Subject(path));

    /// <summary>Null if there is no such file.</summary>
    public SafeFileHandle? TryOpenFile(string path, int flags) => TryOpen(path, flags, 0);

    /// <summary>What has this name, a link itself and not what it leads to; null if there is nothing.</summary>
    public FileStatus? TryLook(string path)
    {
        using var found = TryOpen(path, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW, 0, allowLastLink: true);
        return found is null ? null : FileStatus.Of(found);
    }

    /// <summary>What a link says, whoever wrote it; null if there is nothing. EINVAL if it is no link.</summary>
    public unsafe string? TryReadLink(string path)
    {
        using var link = TryOpen(path, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW, 0, allowLastLink: true);
        if (link is null)
            return null;
        // A link has less than a page.
        const int longest = 4096;
        byte* text = stackalloc byte[longest];
        byte itself = 0;
        // SAFETY: an empty C string for the name means the descriptor's own link; no more bytes are written than there
        // are.
        var length = LinuxException.Check(Libc.readlinkat(link, &itself, text, longest), "readlinkat", Subject(path));
        return Encoding.UTF8.GetString(text, (int)length);
    }

    /// <summary>A new file; EEXIST if anything has its name.</summary>
    public SafeFileHandle CreateFile(string path, uint mode = 0x1A4) =>
        OpenFile(path, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL, mode);

    public BeneathPath OpenDirectory(string path) =>
        new(OpenFile(path, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY), Subject(path));

    /// <summary>Makes a directory and the missing ones above it; one that exists is fine.</summary>
    public BeneathPath CreateDirectory(string path, uint mode = 0x1ED)
    {
        var current = new BeneathPath(DescriptorIo.Duplicate(_root), Name);
        try
        {
            foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
            {
                if (part == ".")
                    continue;
                Single(part, path);
                if (Libc.mkdirat(current._root, part, mode) < 0 && LinuxException.LastErrno != Errno.EEXIST)
                    throw LinuxException.Last("mkdirat", Subject(path));
                var next = current.OpenDirectory(part);
                current.Dispose();
                current = next;
            }
            return current;
        }
        catch
        {
            current.Dispose();
            throw;
        }
    }

    /// <summary>Writes a link; its target is not looked at.</summary>
    public void CreateLink(string path, string target) => InParent(path, (parent, name) =>
        LinuxException.Check(Libc.symlinkat(target, parent, name), "symlinkat", Subject(path)));

    /// <summary>A device node, fifo or socket file.</summary>
    public void CreateNode(string path, uint mode, uint major = 0, uint minor = 0) => InParent(path, (parent, name) =>
        LinuxException.Check(Libc.mknodat(parent, name, mode, Nodes.Device(major, minor)), "mknodat", Subject(path)));

    /// <summary>Removes a file or link. False if there is none.</summary>
    public bool DeleteFile(string path) => Delete(path, 0);

    /// <summary>Removes an empty directory. False if there is none.</summary>
    public bool DeleteDirectory(string path) => Delete(path, AT_REMOVEDIR);

    /// <summary>
    /// Removes a directory and all in it, or a file. Mount points inside make it fail with EBUSY or EXDEV; links are
    /// removed, not followed.
    /// </summary>
    public bool DeleteTree(string path)
    {
        // By what it is, not by trying: unlinkat of a directory answers EISDIR or EPERM, by file system.
        using (var opened = TryOpen(path, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW, 0, allowLastLink: true))
        {
            if (opened is null)
                return false;
            if (!FileStatus.Of(opened).IsDirectory)
                return DeleteFile(path);
        }
        using (var directory = OpenDirectory(path))
        {
            foreach (var name in directory.Names())
                directory.DeleteTree(name);
        }
        return DeleteDirectory(path);
    }

    /// <summary>What is in this directory, without . and .. , in no order.</summary>
    public unsafe IReadOnlyList<string> Names()
    {
        var names = new List<string>();
        using var cursor = OpenFile(".", OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY);
        const int size = 32768;
        var buffer = (byte*)NativeMemory.Alloc(size);
        try
        {
            while (true)
            {
                // SAFETY: the kernel fills at most size bytes with whole struct linux_dirent64: record length at 16,
                // name from 19, NUL-terminated.
                var read = Libc.syscall(
                    SyscallNumber.Getdents64, cursor.DangerousGetHandle(), (nint)buffer, size, 0, 0);
                if (read <= 0)
                    return read == 0 ? names : throw LinuxException.Last("getdents64", Name);
                for (nint offset = 0; offset < read; offset += *(ushort*)(buffer + offset + 16))
                {
                    var name = Marshal.PtrToStringUTF8((nint)(buffer + offset + 19))!;
                    if (name is not ("." or ".."))
                        names.Add(name);
                }
            }
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    public void Dispose() => _root.Dispose();

    private unsafe SafeFileHandle? TryOpen(string path, int flags, uint mode, bool allowLastLink = false)
    {
        // A link in the last place is opened itself by O_PATH|O_NOFOLLOW; RESOLVE_NO_SYMLINKS would refuse even that.
        if (allowLastLink && path.Contains('/'))
        {
            var (parentPath, name) = Split(path);
            using var parent = OpenParent(parentPath);
            return parent?.TryOpen(name, flags, mode, allowLastLink: true);
        }
        var resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (allowLastLink ? 0 : RESOLVE_NO_SYMLINKS);
        // The kernel refuses a mode where nothing is created.
        var how = stackalloc ulong[3]
        {
            (ulong)(flags | OpenFlags.O_CLOEXEC),
            (flags & OpenFlags.O_CREAT) != 0 ? mode : 0,
            resolve,
        };
        var native = NativeStrings.Allocate([path.Length == 0 ? "." : path]);
        var held = false;
        _root.DangerousAddRef(ref held);
        try
        {
            while (true)
            {
                // SAFETY: struct open_how is three 64-bit words, its size is passed; the path lives until the end of
                // the block.
                var descriptor = Libc.syscall(
                    SyscallNumber.Openat2, _root.DangerousGetHandle(), (nint)native[0], (nint)how, 24, 0);
                if (descriptor >= 0)
                    return new SafeFileHandle(descriptor, true);
                switch (LinuxException.LastErrno)
                {
                    case Errno.ENOENT:
                        return null;
                    case Errno.EINTR or Errno.EAGAIN:
                        // EAGAIN: a rename raced with the walk and the kernel would not vouch for it.
                        continue;
                    default:
                        throw LinuxException.Last("openat2", Subject(path));
                }
            }
        }
        finally
        {
            _root.DangerousRelease();
            NativeStrings.Free(native);
        }
    }

    private bool Delete(string path, int flags)
    {
        var (parentPath, name) = Split(path);
        using var parent = OpenParent(parentPath);
        if (parent is null)
            return false;
        if (Libc.unlinkat(parent._root, name, flags) == 0)
            return true;
        return LinuxException.LastErrno == Errno.ENOENT ? false : throw LinuxException.Last("unlinkat", Subject(path));
    }

    private void InParent(string path, Action<SafeFileHandle, string> action)
    {
        var (parentPath, name) = Split(path);
        using var parent = OpenParent(parentPath) ?? throw new LinuxException(Errno.ENOENT, "openat2", Subject(path));
        action(parent._root, name);
    }

    private BeneathPath? OpenParent(string path) =>
        TryOpen(path, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY, 0) is { } handle
            ? new BeneathPath(handle, Subject(path))
            : null;

    private (string Parent, string Name) Split(string path)
    {
        var trimmed = path.TrimEnd('/');
        var slash = trimmed.LastIndexOf('/');
        var name = trimmed[(slash + 1)..];
        Single(name, path);
        // A leading slash stays, for the kernel to refuse.
        return (slash < 0 ? "." : slash == 0 ? "/" : trimmed[..slash], name);
    }

    private void Single(string part, string path)
    {
        if (part is "" or "." or "..")
            throw new LinuxException(Errno.EXDEV, "openat2", Subject(path));
    }

    private string Subject(string path) => $"{Name}//{path}";
}
