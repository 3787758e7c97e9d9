using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Supervision;

namespace Kata.Adapters.Guest.Files;

/// <summary>A running virtiofsd: in the ledger before it exists, held by its pidfd, dead when we are.</summary>
internal sealed class VirtiofsdProcess
{
    private const string Role = "virtiofsd";
    private const string Listening = "Waiting for vhost-user socket connection";
    private const string SocketName = "vhost-fs.sock";
    private const int MaxTail = 8192;
    private const int MaxLines = 12;

    /// <summary>
    /// It listens from the start, since the socket is ours; this is only for hearing of a failure here rather than from
    /// the VMM, and a daemon of few words is no failure.
    /// </summary>
    private static readonly TimeSpan WordTime = TimeSpan.FromSeconds(2);

    private readonly SupervisedProcess _process;
    private readonly IResourceLedger _ledger;
    private readonly AcquiredResource _socketResource;

    private VirtiofsdProcess(
        SupervisedProcess process, HostPath socket, AcquiredResource socketResource, IResourceLedger ledger)
    {
        _process = process;
        Socket = socket;
        _socketResource = socketResource;
        _ledger = ledger;
        Exited = DescribeExitAsync();
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
        VirtiofsdProgram program, Func<int, IReadOnlyList<string>> arguments, VmPlacement placement,
        IResourceLedger ledger, TimeProvider time, CancellationToken ct)
    {
        var socket = placement.StateDirectory.Append(SocketName);
        var socketResource = new AcquiredResource(ResourceKind.SocketFile, socket.Value);
        var entry = new ProcessEntry(ledger, Role);
        var tail = new TextTail(MaxTail, MaxLines, Listening);
        SupervisedProcess? process = null;
        using var inherited = new InheritedSet();
        try
        {
            ledger.Record(socketResource);
            var listener = inherited.Add(Listen(socket.Value));
            process = await SupervisedProcess.StartAsync(
                new SupervisedStart
                {
                    Program = program.Path.Value,
                    Arguments = arguments(listener),
                    Placement = new SpawnPlacement
                    {
                        Cgroups = [.. placement.Cgroups.Select(cgroup => cgroup.Value)],
                        OomScoreAdjustment = placement.OomScoreAdjustment,
                    },
                    Output = tail,
                    Errors = tail,
                    Record = entry.Record,
                    Forget = entry.Forget,
                },
                inherited,
                time,
                ct);
            var daemon = new VirtiofsdProcess(process, socket, socketResource, ledger);
            await daemon.ListensAsync(time, ct);
            return daemon;
        }
        catch (Exception failure)
        {
            if (process is not null)
                await process.KillAsync();
            File.Delete(socket.Value);
            ledger.Forget(socketResource);
            if (failure is IOException refusal)
                throw GuestErrors.Translate(refusal, $"starting {program.Path}");
            throw;
        }
    }

    /// <summary>
    /// Kills it: it holds nothing that would have to be written, and its guest is gone. Idempotent, does not fail.
    /// </summary>
    public async Task StopAsync()
    {
        await _process.KillAsync();
        await Exited;
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
        using var socket = UnixSocket.Listen(path, backlog: 1);
        return DescriptorIo.Duplicate(socket.SafeHandle);
    }

    private async Task ListensAsync(TimeProvider time, CancellationToken ct)
    {
        try
        {
            await Task.WhenAny(_process.Output.Seen, Exited).WaitAsync(WordTime, time, ct);
        }
        catch (TimeoutException)
        {
            return;
        }
        if (Exited.IsCompleted)
            throw new KataException(ErrorKind.Unavailable, await Exited);
    }

    private async Task<string> DescribeExitAsync()
    {
        var exit = (await _process.Exited).Exit;
        var said = _process.Output.Lines;
        return said.Count == 0
            ? $"virtiofsd ended with {exit}"
            : $"virtiofsd ended with {exit}; it said: {string.Join(" | ", said)}";
    }
}
