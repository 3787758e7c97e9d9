using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Apps.Agent.Boot;

/// <summary>
/// A module as the kernel takes it. Those that are rarely needed lie compressed in the image, which is all in memory.
/// </summary>
internal sealed class ModuleFile : IDisposable
{
    private const string Unpacker = "/usr/bin/busybox";
    private const string Unpacked = "/run/kata-module.ko";

    private ModuleFile(SafeFileHandle handle) => Handle = handle;

    public SafeFileHandle Handle { get; }

    /// <summary>By one caller at a time, who holds the lock of loading.</summary>
    public static ModuleFile Open(string path)
    {
        if (!path.EndsWith(".xz", StringComparison.Ordinal))
        {
            return new ModuleFile(DescriptorIo.Open(path, OpenFlags.O_RDONLY));
        }

        try
        {
            Unpack(path);
            return new ModuleFile(DescriptorIo.Open(Unpacked, OpenFlags.O_RDONLY));
        }
        finally
        {
            File.Delete(Unpacked);
        }
    }

    public byte[] ReadAll()
    {
        var bytes = new byte[RandomAccess.GetLength(Handle)];
        var length = 0;
        while (length < bytes.Length && RandomAccess.Read(Handle, bytes.AsSpan(length), length) is var read and > 0)
        {
            length += read;
        }

        return bytes;
    }

    public void Dispose() => Handle.Dispose();

    private static void Unpack(string path)
    {
        using var target = DescriptorIo.Open(
            Unpacked, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_TRUNC, 0x180);
        var process = ProcessSpawner.Spawn(new SpawnRequest
        {
            Path = Unpacker,
            Arguments = ["xzcat", path],
            Environment = [],
            StandardOutput = target,
        });
        var exit = process.Exited.GetAwaiter().GetResult();
        if (!exit.IsSuccess)
        {
            throw new IOException($"{path} cannot be unpacked: xzcat ended with {exit.Status}");
        }
    }
}
