using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Files;

/// <summary>A running virtiofsd: in the ledger before it exists, held by its pidfd, dead when we are.</summary>
internal sealed class VirtiofsdProcess
{
    private const string Role = "virtiofsd";
    private const string Listening = "Waiting for vhost-user socket connection";
    private const string SocketName = "vhost-fs.sock";

    /// <summary>Disposing of a Socket removes the file that it was bound to, by name; so the name is changed before.</summary>
    private const string BoundSuffix = "~";

    private const int Descriptor = 3;

    /// <summary>
    /// It listens from the start, since the socket is ours; this is only for hearing of a failure here rather than from
    /// the VMM, and a daemon of few words is no failure.
    /// </summary>
    private static readonly TimeSpan WordTime = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan DrainTime = TimeSpan.FromMilliseconds(500);

    private readonly SpawnedProcess _process;
    private readonly DaemonOutput _output;
    private readonly IResourceLedger _ledger;
    private readonly AcquiredResource _resource;
    private readonly AcquiredResource _socketResource;
    private readonly TimeProvider _time;

    private VirtiofsdProcess(
        SpawnedProcess process, DaemonOutput output, HostPath socket, AcquiredResource resource, AcquiredResource socketResource,
        IResourceLedger ledger, TimeProvider time)
    {
        _process = process;
        _output = output;
        Socket = socket;
        _resource = resource;
        _socketResource = socketResource;
        _ledger = ledger;
        _time = time;
        Exited = WatchAsync();
    }

    /// <summary>Its pid.</summary>
    public int ProcessId => _process.ProcessId;

    /// <summary>Where the VMM connects.</summary>
    public HostPath Socket { get; }

    /// <summary>Completes with the reason when it has been reaped; never faults.</summary>
    public Task<string> Exited { get; }

    /// <summary>Starts it; on failure nothing is left.</summary>
    /// <param name="program">Which one.</param>
    /// <param name="arguments">Its arguments, given the number of the listening socket.</param>
    /// <param name="placement">Where it runs.</param>
    /// <param name="ledger">Where it is written down.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ct">Gives up.</param>
    public static async Task<VirtiofsdProcess> StartAsync(
        VirtiofsdProgram program, Func<int, IReadOnlyList<string>> arguments, VmPlacement placement, IResourceLedger ledger, TimeProvider time, CancellationToken ct)
    {
        var socket = placement.StateDirectory.Append(SocketName);
        var socketResource = new AcquiredResource(ResourceKind.SocketFile, socket.Value);
        var resource = new AcquiredResource(ResourceKind.Process, Role);
        var words = arguments(Descriptor);
        SpawnedProcess? process = null;
        using var errors = Pipe.Create(nonBlockingReader: true);
        try
        {
            ledger.Record(socketResource);
            using var listener = Listen(socket.Value);
            ledger.Record(resource);
            process = await ProcessSpawner.SpawnAsync(
                new SpawnRequest
                {
                    Path = program.Path.Value,
                    Arguments = [program.Path.Value, .. words],
                    Environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                    Descriptors = [new InheritedDescriptor(listener, Descriptor)],
                    StandardOutput = errors.Writer,
                    StandardError = errors.Writer,
                    Placement = new SpawnPlacement
                    {
                        Cgroups = [.. placement.Cgroups.Select(cgroup => cgroup.Value)],
                        ExecLabel = placement.ExecLabel,
                        OomScoreAdjustment = placement.OomScoreAdjustment,
                        ParentDeathSignal = Signals.SIGKILL,
                    },
                },
                ct);
            errors.Writer.Dispose();
            resource = resource with { ProcessId = process.ProcessId, StartTime = (ulong)process.StartTime };
            ledger.Record(resource);
            var daemon = new VirtiofsdProcess(
                process, new DaemonOutput(DescriptorIo.Duplicate(errors.Reader), Listening), socket, resource, socketResource, ledger, time);
            await daemon.ListensAsync(ct);
            return daemon;
        }
        catch (Exception failure)
        {
            if (process is not null)
                await process.DisposeAsync();
            ledger.Forget(resource);
            File.Delete(socket.Value);
            ledger.Forget(socketResource);
            if (failure is IOException refusal)
                throw GuestErrors.Translate(refusal, $"starting {program.Path}");
            throw;
        }
    }

    /// <summary>Kills it: it holds nothing that would have to be written, and its guest is gone. Idempotent, does not fail.</summary>
    public async Task StopAsync()
    {
        _process.Signal(Signals.SIGKILL);
        await Exited;
        _ledger.Forget(_resource);
        try
        {
            File.Delete(Socket.Value);
            _ledger.Forget(_socketResource);
        }
        catch (IOException)
        {
            // The ledger still has it.
        }
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle Listen(string path)
    {
        File.Delete(path);
        File.Delete(path + BoundSuffix);
        using var socket = UnixSocket.Listen(path + BoundSuffix, backlog: 1);
        File.Move(path + BoundSuffix, path);
        return DescriptorIo.Duplicate(socket.SafeHandle);
    }

    private async Task ListensAsync(CancellationToken ct)
    {
        try
        {
            await Task.WhenAny(_output.Seen, Exited).WaitAsync(WordTime, _time, ct);
        }
        catch (TimeoutException)
        {
            return;
        }
        if (Exited.IsCompleted)
            throw new KataException(ErrorKind.Unavailable, await Exited);
    }

    private async Task<string> WatchAsync()
    {
        var exit = await _process.Exited;
        try
        {
            await _output.Ended.WaitAsync(DrainTime, _time);
        }
        catch (TimeoutException)
        {
            // Its worker in the inner process namespace dies a moment later and may still hold the pipe.
        }
        var how = exit.Signal != 0 ? $"signal {exit.Signal}" : $"exit status {exit.Code}";
        var said = _output.Lines;
        return said.Count == 0 ? $"virtiofsd ended with {how}" : $"virtiofsd ended with {how}; it said: {string.Join(" | ", said)}";
    }
}
