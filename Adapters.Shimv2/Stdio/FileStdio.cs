using Kata.Core.Domain.Containers;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Shimv2.Stdio;

/// <summary>Both outputs appended to one file.</summary>
internal sealed class FileOutputs(SafeFileHandle file) : IOutputs
{
    private const uint FileMode = 0x1A4; // 0644

    /// <summary>Opens the file, which with its directories is made if it is not there.</summary>
    public static FileOutputs Open(string path)
    {
        if (Path.GetDirectoryName(path) is { Length: > 0 } directory && !Directory.Exists(directory))
            Directory.CreateDirectory(directory);
        // Without O_NONBLOCK a fifo in the file's place would hold the opener until somebody reads.
        return new FileOutputs(
            DescriptorIo.Open(
                path, OpenFlags.O_WRONLY | OpenFlags.O_APPEND | OpenFlags.O_CREAT | OpenFlags.O_NONBLOCK, FileMode));
    }

    public bool Takes(GuestStream stream) => true;

    public ValueTask WriteAsync(GuestStream stream, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        DescriptorIo.WriteAsync(file, data, ct);

    public void Close(GuestStream stream)
    {
        // The file has no reader that waits for an end, and the other stream goes on.
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }
}
