using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Bytes in memory behind a descriptor, sealed: nobody can change them any more, whoever has it.</summary>
public sealed class MemFd : IDisposable
{
    private const uint MFD_CLOEXEC = 1;
    private const uint MFD_ALLOW_SEALING = 2;
    private const int F_ADD_SEALS = 1033;
    private const int AllSeals = 0xf;

    private MemFd(SafeFileHandle handle) => Handle = handle;

    /// <summary>Read-only, at the start.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>
    /// A path our children can execute it by, without inheriting it; valid while this is open.
    /// </summary>
    public string ExecutablePath => $"/proc/{Environment.ProcessId}/fd/{Handle.DangerousGetHandle()}";

    public static MemFd Create(string name, ReadOnlySpan<byte> bytes)
    {
        using var writer = DescriptorIo.Own(
            Libc.memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create", name);
        DescriptorIo.Write(writer, bytes);
        return Seal(writer, name);
    }

    /// <summary>A copy of a program or other file.</summary>
    public static MemFd CreateFrom(string path)
    {
        using var writer = DescriptorIo.Own(
            Libc.memfd_create(Path.GetFileName(path), MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create", path);
        using var source = DescriptorIo.Open(path, OpenFlags.O_RDONLY);
        var buffer = new byte[128 * 1024];
        int read;
        while ((read = DescriptorIo.TryRead(source, buffer)) > 0)
            DescriptorIo.Write(writer, buffer.AsSpan(0, read));
        return Seal(writer, path);
    }

    public void Dispose() => Handle.Dispose();

    private static MemFd Seal(SafeFileHandle writer, string name)
    {
        LinuxException.Check(Libc.fcntl(writer, F_ADD_SEALS, AllSeals), "fcntl", $"F_ADD_SEALS {name}");
        // A program open for writing cannot be executed (ETXTBSY); the read-only opening can.
        return new MemFd(DescriptorIo.Open($"/proc/self/fd/{writer.DangerousGetHandle()}", OpenFlags.O_RDONLY));
    }
}
