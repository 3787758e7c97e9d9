using System.Runtime.InteropServices;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Supervision;

namespace Kata.Adapters.Qemu;

/// <summary>
/// A process of a machine: in the ledger before it exists, its output read from the first byte, held by its pidfd,
/// ended by SIGTERM and then SIGKILL. It dies with us.
/// </summary>
internal sealed class SupervisedProcess
{
    private const int SIGTERM = 15;
    private const int SIGKILL = 9;

    /// <summary>What has been written is in the pipes when a process is reaped; only a child of its own could hold them open.</summary>
    private static readonly TimeSpan DrainTime = TimeSpan.FromMilliseconds(500);

    /// <summary>QEMU leaves its main loop at once on SIGTERM; one that does not is stuck.</summary>
    private static readonly TimeSpan TermTime = TimeSpan.FromSeconds(1);

    private readonly SpawnedProcess _process;
    private readonly IResourceLedger _ledger;
    private readonly AcquiredResource _resource;
    private readonly TimeProvider _time;

    private SupervisedProcess(SpawnedProcess process, AcquiredResource resource, IResourceLedger ledger, TimeProvider time, Pipe output, Pipe errors)
    {
        _process = process;
        _resource = resource;
        _ledger = ledger;
        _time = time;
        Exited = WatchAsync(PumpAsync(output, Output), PumpAsync(errors, Errors));
    }

    public int ProcessId => _process.ProcessId;

    /// <summary>The tail of its standard output.</summary>
    public TextTail Output { get; } = new();

    /// <summary>The tail of its standard error.</summary>
    public TextTail Errors { get; } = new(maxBytes: 16 * 1024);

    /// <summary>Completes once it has been reaped and its output has been read; never faults.</summary>
    public Task<VmExit> Exited { get; }

    /// <summary>Starts a program. The descriptors are closed here in every case.</summary>
    /// <param name="role">Its name in the ledger.</param>
    /// <param name="program">Its path.</param>
    /// <param name="arguments">What follows argv[0].</param>
    /// <param name="inherited">Descriptors that it gets.</param>
    /// <param name="placement">Where it runs.</param>
    /// <param name="ledger">Where it is written down.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ct">Gives up; nothing runs then.</param>
    public static async Task<SupervisedProcess> StartAsync(
        string role, string program, IReadOnlyList<string> arguments, InheritedSet inherited, SpawnPlacement placement,
        IResourceLedger ledger, TimeProvider time, CancellationToken ct)
    {
        var resource = new AcquiredResource(ResourceKind.Process, role);
        using (inherited)
        {
            ledger.Record(resource);
            var output = Pipe.Create(nonBlockingReader: true);
            var errors = Pipe.Create(nonBlockingReader: true);
            try
            {
                var process = await ProcessSpawner.SpawnAsync(
                    new SpawnRequest
                    {
                        Path = program,
                        Arguments = [program, .. arguments],
                        Environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                        Descriptors = inherited.All,
                        StandardOutput = output.Writer,
                        StandardError = errors.Writer,
                        Placement = placement,
                    },
                    ct);
                resource = resource with { ProcessId = process.ProcessId, StartTime = (ulong)process.StartTime };
                return await RecordedAsync(process);
            }
            catch (Exception)
            {
                output.Dispose();
                errors.Dispose();
                ledger.Forget(resource);
                throw;
            }

            async Task<SupervisedProcess> RecordedAsync(SpawnedProcess process)
            {
                try
                {
                    ledger.Record(resource);
                }
                catch
                {
                    await process.DisposeAsync();
                    throw;
                }
                return new SupervisedProcess(process, resource, ledger, time, output, errors);
            }
        }
    }

    /// <summary>
    /// Ends it: waits the grace, then SIGTERM, then SIGKILL; a token that fires means SIGKILL at once. Returns when it has
    /// been reaped and struck out of the ledger. Idempotent, does not fail.
    /// </summary>
    public async Task StopAsync(TimeSpan grace, CancellationToken ct)
    {
        if (!await EndsWithinAsync(grace, ct))
        {
            _process.Signal(SIGTERM);
            if (!await EndsWithinAsync(TermTime, ct))
                _process.Signal(SIGKILL);
        }
        await Exited;
        _ledger.Forget(_resource);
    }

    private async Task<bool> EndsWithinAsync(TimeSpan limit, CancellationToken ct)
    {
        if (_process.Exited.IsCompleted)
            return true;
        if (limit <= TimeSpan.Zero || ct.IsCancellationRequested)
            return false;
        try
        {
            await _process.Exited.WaitAsync(limit, _time, ct);
            return true;
        }
        catch (Exception waited) when (waited is TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<VmExit> WatchAsync(params Task[] pumps)
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
        var end = exit == ProcessExit.Unknown ? null : exit.Signal != 0 ? new VmmEnd(null, exit.Signal) : new VmmEnd(exit.Code, null);
        return new VmExit(end, at);
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
