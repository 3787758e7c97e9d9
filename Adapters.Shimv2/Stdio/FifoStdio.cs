using Kata.Core.Domain.Containers;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Shimv2.Stdio;

/// <summary>
/// Input by a fifo. Until <see cref="Begin"/> it is held without being open for reading, so that its path may go; from
/// then on we hold a writing end of our own, so that a client that detaches is no end of input: that is for
/// <see cref="AllowEof"/> to say, and only what the client has written before is then still to be read.
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

    public void AllowEof()
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
    public static async Task<FifoOutputs> OpenAsync(StdioUri stdout, StdioUri stderr, TimeProvider time)
    {
        var first = stdout.Scheme == StdioScheme.Fifo ? FifoOutput.Open(stdout.Path, time) : null;
        try
        {
            var second = stderr.Scheme == StdioScheme.Fifo ? FifoOutput.Open(stderr.Path, time) : null;
            return new FifoOutputs(first, second);
        }
        catch
        {
            if (first is not null)
                await first.DisposeAsync();
            throw;
        }
    }

    public bool Takes(GuestStream stream) => Of(stream) is not null;

    public ValueTask WriteAsync(GuestStream stream, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        Of(stream)?.WriteAsync(data, ct) ?? ValueTask.CompletedTask;

    public void Close(GuestStream stream) => Of(stream)?.End();

    public async ValueTask DisposeAsync()
    {
        if (stdout is not null)
            await stdout.DisposeAsync();
        if (stderr is not null)
            await stderr.DisposeAsync();
    }

    private FifoOutput? Of(GuestStream stream) => stream == GuestStream.Stdout ? stdout : stderr;
}

/// <summary>
/// One output by a fifo. Two opens, not one for both ways: the writing end closes at the end of the stream, since the
/// client waits for that before it deletes; our reading end stays, or a client that is restarting would lose what it
/// has not read.
/// </summary>
internal sealed class FifoOutput : IAsyncDisposable
{
    // A client that is there takes what it is given in less; for one that is away nobody looks often.
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    private readonly SafeFileHandle _keeper;
    private readonly SafeFileHandle _writer;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _disposing = new();
    private Task? _ending;

    private FifoOutput(SafeFileHandle keeper, SafeFileHandle writer, TimeProvider time)
    {
        _keeper = keeper;
        _writer = writer;
        _time = time;
    }

    public static FifoOutput Open(string path, TimeProvider time)
    {
        var keeper = Fifo.OpenReader(path);
        try
        {
            return new FifoOutput(keeper, Fifo.OpenWriter(path), time);
        }
        catch
        {
            keeper.Dispose();
            throw;
        }
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct) =>
        DescriptorIo.WriteAsync(_writer, data, ct);

    /// <summary>Ends the stream once the client has read all of it. Idempotent.</summary>
    public void End()
    {
        lock (_lock)
            _ending ??= EndWhenReadAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_keeper.IsClosed)
            await _disposing.CancelAsync();
        End();
        await _ending!;
        _keeper.Dispose();
        _disposing.Dispose();
    }

    // A client that comes back opens the fifo anew and waits there until somebody has it open for writing: without a
    // writer what it left unread would never reach it. The kernel does not tell when a fifo has become empty.
    private async Task EndWhenReadAsync()
    {
        try
        {
            var pause = ShortestPause;
            for (int left = Fifo.Unread(_keeper), before = left; left > 0; left = Fifo.Unread(_keeper))
            {
                pause = left < before ? ShortestPause : pause * 2 < LongestPause ? pause * 2 : LongestPause;
                before = left;
                await Task.Delay(pause, _time, _disposing.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Deleted unread.
        }

        Poller.Close(_writer);
    }
}
