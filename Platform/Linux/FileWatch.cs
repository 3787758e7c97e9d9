using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Changes of one file (inotify), such as <c>memory.events</c> and <c>cgroup.events</c>.</summary>
public sealed class FileWatch : IDisposable
{
    public const uint IN_MODIFY = 0x2;
    public const uint IN_CLOSE_WRITE = 0x8;
    public const uint IN_CREATE = 0x100;
    public const uint IN_DELETE = 0x200;
    public const uint IN_DELETE_SELF = 0x400;
    public const uint IN_MOVED_TO = 0x80;

    /// <summary>The kernel says this, asked or not, when the file is gone or its file system unmounted.</summary>
    public const uint IN_IGNORED = 0x8000;

    private readonly SafeFileHandle _inotify;
    private readonly byte[] _buffer = new byte[4096];

    private FileWatch(SafeFileHandle inotify) => _inotify = inotify;

    /// <summary>Watches from now on. ENOENT if there is no such file.</summary>
    public static FileWatch Open(string path, uint events = IN_MODIFY)
    {
        var inotify = DescriptorIo.Own(
            Libc.inotify_init1(OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK), "inotify_init1", path);
        if (Libc.inotify_add_watch(inotify, path, events) >= 0)
            return new FileWatch(inotify);
        var failure = LinuxException.Last("inotify_add_watch", path);
        inotify.Dispose();
        throw failure;
    }

    /// <summary>Waits for the next changes and returns which kinds there were. After IN_IGNORED no more come.</summary>
    public async Task<uint> WaitAsync(CancellationToken cancellation = default)
    {
        var length = await DescriptorIo.ReadAsync(_inotify, _buffer, cancellation);
        uint kinds = 0;
        for (var offset = 0; offset + 16 <= length; offset += 16 + BitConverter.ToInt32(_buffer, offset + 12))
            kinds |= BitConverter.ToUInt32(_buffer, offset + 4);
        return kinds;
    }

    public void Dispose() => Poller.Close(_inotify);
}
