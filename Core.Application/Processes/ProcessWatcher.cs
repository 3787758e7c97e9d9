using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Processes;

/// <summary>
/// Carries a process's streams between the client and the guest and reports its exit. The report waits for the end of
/// the output, but only for a bounded time: a grandchild may hold a stream open for ever, and copying goes on behind
/// it.
/// </summary>
internal sealed class ProcessWatcher : IProcessOutput
{
    // Output that is already under way arrives well within this; what a grandchild writes later is copied later.
    private static readonly TimeSpan DrainBeforeReport = TimeSpan.FromMilliseconds(400);

    // The calls of a connection that ends may fail before its end is told.
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    // The guest hands out at most this much per read, and no more is held per stream.
    private const int Chunk = 32 * 1024;

    private readonly LiveProcess _process;
    private readonly IGuestAgent _agent;
    private readonly ISender _sender;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _copying = new();
    private readonly Task _output;
    private readonly Task _input;
    private int _disposed;

    public ProcessWatcher(
        LiveProcess process, bool terminal, IGuestAgent agent, ISender sender, TimeProvider time, ILogger log)
    {
        _process = process;
        _agent = agent;
        _sender = sender;
        _time = time;
        _log = log;
        _output = terminal
            ? CopyOutputAsync(GuestStream.Stdout)
            : Task.WhenAll(CopyOutputAsync(GuestStream.Stdout), CopyOutputAsync(GuestStream.Stderr));
        if (terminal)
            process.Pipes.CloseOutput(GuestStream.Stderr);
        _input = process.Pipes.HasStdin ? CopyInputAsync() : terminal ? Task.CompletedTask : EndInputAsync();
        _ = ReportExitAsync();
    }

    /// <inheritdoc/>
    public Task Ended => _output;

    /// <inheritdoc/>
    public async Task DrainAsync(CancellationToken ct)
    {
        try
        {
            await _output.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            ProcessLog.NotDrained(_log, _process.Ref);
        }
    }

    /// <summary>Breaks off the copying; what is under way ends.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await _copying.CancelAsync();
        await Task.WhenAll(_output, _input);
        _copying.Dispose();
    }

    private async Task ReportExitAsync()
    {
        int code;
        try
        {
            code = await WithRoomAsync(
                () => _agent.WaitAsync(_process.Ref, CancellationToken.None), CancellationToken.None);
        }
        catch (KataException e)
        {
            // With the machine or the connection gone, whoever saw that ends every process.
            if (e.Kind == ErrorKind.Unavailable && await IsConnectionLostAsync())
                return;
            ProcessLog.WaitFailed(_log, _process.Ref, e.Message);
            code = ExitStatus.Unknown;
        }

        var at = _time.GetUtcNow();
        await Task.WhenAny(_output, Task.Delay(DrainBeforeReport, _time, CancellationToken.None));

        try
        {
            await _sender.Send(new RecordProcessExit(_process.Ref, new ExitStatus(code, at)), CancellationToken.None);
        }
        catch (KataException e)
        {
            ProcessLog.ReportRefused(_log, _process.Ref, e.Message);
        }
    }

    // A guest that has too many calls pending, or too few descriptors, has said nothing of the process.
    private async Task<int> WithRoomAsync(Func<Task<int>> call, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (KataException e) when (e.Kind == ErrorKind.ResourceExhausted)
            {
                await Task.Delay(Moment, _time, ct);
            }
        }
    }

    // The guest too can answer that it is unavailable: that alone ends no connection, and nobody else would tell the
    // exit.
    private async Task<bool> IsConnectionLostAsync()
    {
        using var over = new CancellationTokenSource();
        await Task.WhenAny(_agent.Closed, Task.Delay(Moment, _time, over.Token));
        await over.CancelAsync();
        return _agent.Closed.IsCompleted;
    }

    private async Task CopyOutputAsync(GuestStream stream)
    {
        // The constructor must not run the first read on the caller's stack.
        await Task.Yield();
        var buffer = new byte[Chunk];
        var taken = _process.Pipes.Takes(stream);
        try
        {
            while (await WithRoomAsync(
                () => _agent.ReadAsync(_process.Ref, stream, buffer, _copying.Token).AsTask(),
                _copying.Token) is > 0 and var count)
                taken = taken && await TryWriteAsync(stream, buffer.AsMemory(0, count));
        }
        catch (KataException e)
        {
            if (e.Kind != ErrorKind.Unavailable)
                ProcessLog.ReadFailed(_log, _process.Ref, stream, e.Message);
        }
        catch (OperationCanceledException)
        {
            // Deleted while a grandchild held the stream.
        }
        finally
        {
            _process.Pipes.CloseOutput(stream);
        }
    }

    private async Task<bool> TryWriteAsync(GuestStream stream, ReadOnlyMemory<byte> data)
    {
        try
        {
            await _process.Pipes.WriteAsync(stream, data, _copying.Token);
            return true;
        }
        catch (Exception e) when (e is KataException or IOException)
        {
            // The logger or the disk behind the stream has failed; the process must not notice, so its output is
            // dropped.
            ProcessLog.WriteFailed(_log, _process.Ref, stream, e.Message);
            return false;
        }
    }

    private async Task CopyInputAsync()
    {
        await Task.Yield();
        var buffer = new byte[Chunk];
        try
        {
            _process.Pipes.OpenStdin();
            while (await _process.Pipes.ReadStdinAsync(buffer, _copying.Token) is > 0 and var count)
                await _agent.WriteAsync(_process.Ref, buffer.AsMemory(0, count), _copying.Token);
            await _agent.CloseStdinAsync(_process.Ref, _copying.Token);
        }
        catch (KataException e)
        {
            // Usual when a process ends without having read all of its input.
            ProcessLog.InputEnded(_log, _process.Ref, e.Message);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException)
        {
            ProcessLog.InputEnded(_log, _process.Ref, e.Message);
        }
    }

    // Input that nobody will ever write is at its end from the start. A terminal has none: its user may come back.
    private async Task EndInputAsync()
    {
        await Task.Yield();
        try
        {
            await _agent.CloseStdinAsync(_process.Ref, _copying.Token);
        }
        catch (Exception e) when (e is KataException or OperationCanceledException)
        {
            // Usual when the process has ended already.
            ProcessLog.InputEnded(_log, _process.Ref, e.Message);
        }
    }
}
