using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Both ends of a pipe, close-on-exec.</summary>
public sealed class Pipe : IDisposable
{
    private Pipe(SafeFileHandle reader, SafeFileHandle writer)
    {
        Reader = reader;
        Writer = writer;
    }

    public SafeFileHandle Reader { get; }

    public SafeFileHandle Writer { get; }

    /// <param name="nonBlockingReader">Whether our reading end waits in <see cref="Poller"/>.</param>
    /// <param name="nonBlockingWriter">Whether our writing end waits in <see cref="Poller"/>.</param>
    public static unsafe Pipe Create(bool nonBlockingReader = false, bool nonBlockingWriter = false)
    {
        var ends = stackalloc int[2];
        // SAFETY: pipe2 writes exactly two integers.
        LinuxException.Check(Libc.pipe2(ends, OpenFlags.O_CLOEXEC), "pipe2", "pipe");
        var pipe = new Pipe(new SafeFileHandle(ends[0], true), new SafeFileHandle(ends[1], true));
        if (nonBlockingReader)
            DescriptorIo.SetNonBlocking(pipe.Reader);
        if (nonBlockingWriter)
            DescriptorIo.SetNonBlocking(pipe.Writer);
        return pipe;
    }

    public void Dispose()
    {
        Reader.Dispose();
        Writer.Dispose();
    }
}
