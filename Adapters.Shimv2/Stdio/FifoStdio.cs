using Kata.Core.Domain.Containers;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Shimv2.Stdio;

/// <summary>
/// Input by a fifo. Until <see cref="Begin"/> it is held without being open for reading, so that its path may go; from then
/// on we hold a writing end of our own, so that a client that detaches is no end of input: that is for <see cref="LetEnd"/> to
/// say, and only what the client has written before is then still to be read.
/// </summary>
internal sealed class FifoInput : IInput
{
    private readonly Lock _lock = new();
    private readonly SafeFileHandle _place;
    private SafeFileHandle? _reader;
    private SafeFileHandle? _holder;
    private bool _mayEnd;
    private bool _disposed;

    private FifoInput(SafeFileHandle place) => _place = place;

    public static FifoInput Open(string path)
    {
        var place = DescriptorIo.Open(path, OpenFlags.O_PATH);
        if (FileStatus.Of(place).IsFifo)
            return new FifoInput(place);
        place.Dispose();
        throw new LinuxException(Errno.EINVAL, "open", path + ", which is no fifo");
    }

    public void Begin()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_reader is not null)
                return;
            var path = $"/proc/self/fd/{_place.DangerousGetHandle()}";
            _reader = Fifo.OpenReader(path);
            if (!_mayEnd)
                _holder = Fifo.OpenWriter(path);
        }
    }

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken ct) =>
        DescriptorIo.ReadAsync(_reader ?? throw new InvalidOperationException("input has not begun"), buffer, ct);

    public void LetEnd()
    {
        lock (_lock)
        {
            _mayEnd = true;
            _holder?.Dispose();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _holder?.Dispose();
            if (_reader is not null)
                Poller.Close(_reader);
            _place.Dispose();
        }
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
