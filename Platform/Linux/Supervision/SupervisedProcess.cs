namespace Kata.Platform.Linux.Supervision;

/// <summary>
/// A process that serves a machine, a VMM or a daemon: written down before it exists, its output read from the first
/// byte, held by its pidfd, ended by SIGTERM and then SIGKILL. It dies with us.
/// </summary>
public sealed class SupervisedProcess
{
    /// <summary>
    /// What has been written is in the pipes when a process is reaped; only a child of its own could hold them open.
    /// </summary>
    private static readonly TimeSpan DrainTime = TimeSpan.FromMilliseconds(500);

    /// <summary>A VMM leaves its main loop at once on SIGTERM; one that does not is stuck.</summary>
    private static readonly TimeSpan TermTime = TimeSpan.FromSeconds(1);

    private readonly SpawnedProcess _process;
    private readonly Action _forget;
    private readonly TimeProvider _time;

    private SupervisedProcess(SpawnedProcess process, SupervisedStart start, TimeProvider time, params Task[] pumps)
    {
        _process = process;
        _forget = start.Forget;
        _time = time;
        Output = start.Output;
        Errors = start.Errors;
        Exited = WatchAsync(pumps);
    }

    public int ProcessId => _process.ProcessId;

    /// <summary>The tail of its standard output.</summary>
    public TextTail Output { get; }

    /// <summary>The tail of its standard error.</summary>
    public TextTail Errors { get; }

    /// <summary>Completes once it has been reaped and its output has been read; never faults.</summary>
    public Task<SupervisedExit> Exited { get; }

    /// <summary>Starts a program; on failure nothing runs and nothing is written down.</summary>
    /// <param name="start">Which and how.</param>
    /// <param name="inherited">Descriptors that it gets; closed here in every case.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<SupervisedProcess> StartAsync(
        SupervisedStart start, InheritedSet inherited, TimeProvider time, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(inherited);
        using var given = inherited;
        start.Record(0, 0);
        Pipe? output = null;
        Pipe? errors = null;
        SpawnedProcess? process = null;
        try
        {
            output = Pipe.Create(nonBlockingReader: true);
            errors = start.Errors == start.Output ? output : Pipe.Create(nonBlockingReader: true);
            process = await ProcessSpawner.SpawnAsync(
                new SpawnRequest
                {
                    Path = start.Program,
                    Arguments = [start.Program, .. start.Arguments],
                    Environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                    Descriptors = given.All,
                    StandardOutput = output.Writer,
                    StandardError = errors.Writer,
                    Placement = start.Placement with { ParentDeathSignal = Signals.SIGKILL },
                },
                cancellation);
            start.Record(process.ProcessId, process.StartTime);
        }
        catch
        {
            if (process is not null)
                await process.DisposeAsync();
            output?.Dispose();
            errors?.Dispose();
            start.Forget();
            throw;
        }
        return errors == output
            ? new SupervisedProcess(process, start, time, PumpAsync(output, start.Output))
            : new SupervisedProcess(
                process, start, time, PumpAsync(output, start.Output), PumpAsync(errors, start.Errors));
    }

    /// <summary>
    /// Ends it: waits the grace, then SIGTERM, then SIGKILL; a token that fires means SIGKILL at once. Returns when it
    /// has been reaped and struck out. Idempotent, does not fail.
    /// </summary>
    public async Task StopAsync(TimeSpan grace, CancellationToken cancellation)
    {
        if (!await EndsWithinAsync(grace, cancellation))
        {
            _process.Signal(Signals.SIGTERM);
            if (!await EndsWithinAsync(TermTime, cancellation))
                _process.Signal(Signals.SIGKILL);
        }
        await Exited;
        _forget();
    }

    /// <summary>
    /// Ends one that has nothing to put in order, by SIGKILL, and strikes it out. Idempotent, does not fail.
    /// </summary>
    public async Task KillAsync()
    {
        _process.Signal(Signals.SIGKILL);
        await Exited;
        _forget();
    }

    private async Task<bool> EndsWithinAsync(TimeSpan limit, CancellationToken cancellation)
    {
        if (_process.Exited.IsCompleted)
            return true;
        if (limit <= TimeSpan.Zero || cancellation.IsCancellationRequested)
            return false;
        try
        {
            await _process.Exited.WaitAsync(limit, _time, cancellation);
            return true;
        }
        catch (Exception waited) when (waited is TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<SupervisedExit> WatchAsync(Task[] pumps)
    {
        var exit = await _process.Exited;
        var at = _time.GetUtcNow();
        try
        {
            await Task.WhenAll(pumps).WaitAsync(DrainTime, _time);
        }
        catch (TimeoutException)
        {
            // The tails are a comfort: better incomplete than late.
        }
        return new SupervisedExit(exit, at);
    }

    private static async Task PumpAsync(Pipe pipe, TextTail tail)
    {
        pipe.Writer.Dispose();
        using var reader = pipe.Reader;
        var buffer = new byte[4096];
        try
        {
            int read;
            while ((read = await DescriptorIo.ReadAsync(reader, buffer)) > 0)
                tail.Append(buffer.AsSpan(0, read));
        }
        catch (Exception failure) when (failure is LinuxException or ObjectDisposedException)
        {
            // A pipe of ours does not fail; if it did, the process is no worse off.
        }
    }
}
