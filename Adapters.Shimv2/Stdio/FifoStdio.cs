using Kata.Core.Domain.Containers;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Shimv2.Stdio;

/// <summary>
/// Input by a fifo. We hold a writing end of our own, so that a client that detaches is no end of input: that is for
/// <see cref="LetEnd"/> to say, and only what the client has written before is then still to be read.
/// </summary>
internal sealed class FifoInput : IInput
{
    private readonly SafeFileHandle _reader;
    private readonly SafeFileHandle _holder;

    private FifoInput(SafeFileHandle reader, SafeFileHandle holder)
    {
        _reader = reader;
        _holder = holder;
    }

    public static FifoInput Open(string path)
    {
        var reader = Fifo.OpenReader(path);
        try
        {
            return new FifoInput(reader, Fifo.OpenWriter(path));
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken ct) => DescriptorIo.ReadAsync(_reader, buffer, ct);

    public void LetEnd() => _holder.Dispose();

    public void Dispose()
    {
        _holder.Dispose();
        Poller.Close(_reader);
    }
}

/// <summary>Outputs by fifos, each absent if its path is.</summary>
internal sealed class FifoOutputs(FifoOutput? stdout, FifoOutput? stderr) : IOutputs
{
    public static FifoOutputs Open(StdioUri stdout, StdioUri stderr)
    {
        var first = stdout.Scheme == StdioScheme.Fifo ? FifoOutput.Open(stdout.Path) : null;
        try
        {
            return new FifoOutputs(first, stderr.Scheme == StdioScheme.Fifo ? FifoOutput.Open(stderr.Path) : null);
        }
        catch
        {
            first?.Dispose();
            throw;
        }
    }

    public bool Takes(GuestStream stream) => Of(stream) is not null;

    public ValueTask WriteAsync(GuestStream stream, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        Of(stream)?.WriteAsync(data, ct) ?? ValueTask.CompletedTask;

    public void Close(GuestStream stream) => Of(stream)?.End();

    public ValueTask DisposeAsync()
    {
        stdout?.Dispose();
        stderr?.Dispose();
        return ValueTask.CompletedTask;
    }

    private FifoOutput? Of(GuestStream stream) => stream == GuestStream.Stdout ? stdout : stderr;
}

/// <summary>
/// One output by a fifo. Two opens, not one for both ways: the writing end closes at the end of the stream, since the client
/// waits for that before it deletes; our reading end stays, or a client that is restarting would lose what it has not read.
/// </summary>
internal sealed class FifoOutput : IDisposable
{
    private readonly SafeFileHandle _keeper;
    private readonly SafeFileHandle _writer;

    private FifoOutput(SafeFileHandle keeper, SafeFileHandle writer)
    {
        _keeper = keeper;
        _writer = writer;
    }

    public static FifoOutput Open(string path)
    {
        var keeper = Fifo.OpenReader(path);
        try
        {
            return new FifoOutput(keeper, Fifo.OpenWriter(path));
        }
        catch
        {
            keeper.Dispose();
            throw;
        }
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct) => DescriptorIo.WriteAsync(_writer, data, ct);

    public void End() => Poller.Close(_writer);

    public void Dispose()
    {
        End();
        _keeper.Dispose();
    }
}
