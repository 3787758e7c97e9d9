using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness.Agent;

namespace Kata.Tests.Harness;

/// <summary>Makes machines in memory.</summary>
public sealed class HarnessHypervisor(HarnessHost host) : IHypervisor
{
    /// <summary>Virtual time from the launch to the VMM's first answer.</summary>
    public TimeSpan LaunchTime { get; set; } = TimeSpan.FromMilliseconds(60);

    /// <summary>The part of the time in which the busy host gives its machines no processor.</summary>
    public double KeptWaiting { get; set; }

    /// <summary>False for machines whose size is fixed.</summary>
    public bool CanGrow { get; set; } = true;

    /// <summary>vCPUs for which there are slots.</summary>
    public int MostVcpus { get; set; } = int.MaxValue;

    /// <summary>How the VMM ends as soon as it is launched, and what it says; null for one that runs.</summary>
    public (VmmEnd End, string Words)? EndsAtOnce { get; set; }

    /// <summary>False for a VMM that runs and says nothing.</summary>
    public bool Answers { get; set; } = true;

    /// <summary>What the programs of the guest do.</summary>
    public GuestPrograms Programs { get; } = new();

    /// <summary>The specifications of the machines that were launched.</summary>
    public List<VmSpec> Launched { get; } = [];

    /// <summary>Where they were to run.</summary>
    public List<VmPlacement> Placed { get; } = [];

    /// <inheritdoc/>
    public string Name => "qemu";

    /// <inheritdoc/>
    public async Task<IVirtualMachine> LaunchAsync(
        VmSpec spec, VmPlacement placement, IResourceLedger ledger, CancellationToken ct)
    {
        Launched.Add(spec);
        Placed.Add(placement);
        var taken = new List<AcquiredResource>();
        try
        {
            await host.EnterAsync("hypervisor.launch", ct);
            if (host.Missing.Contains(spec.Machine.Program.Value))
                throw new KataException(ErrorKind.NotFound, $"the VMM {spec.Machine.Program} is missing");
            taken.Add(host.Take(ledger, ResourceKind.SocketFile, $"{placement.StateDirectory}/qmp.sock"));
            taken.Add(host.Take(ledger, ResourceKind.Process, "vmm", pid: host.NewPid()));
            var guest = new HarnessGuest(host,
                Programs)
            {
                Vcpus = spec.Resources.Vcpus,
                MemoryMib = spec.Resources.MemoryMib
            };
            var machine = new HarnessMachine(host, ledger, taken, guest, placement.StateDirectory)
            {
                WaitingShare = KeptWaiting,
                Resize = CanGrow ? new HarnessResize(host, guest, spec.Resources) { MostVcpus = MostVcpus } : null,
            };
            host.Machine = machine;
            await host.EnterAsync("hypervisor.handshake", ct);
            if (EndsAtOnce is { } end)
            {
                machine.ErrorTail = [end.Words];
                machine.Die(end.End);
            }

            if (!Answers)
            {
                await host.Time.Delay(spec.Machine.ControlTimeout, ct);
                throw new KataException(ErrorKind.DeadlineExceeded, "the VMM did not answer");
            }

            await host.Time.Delay(LaunchTime, ct);
            if (machine.Exited.IsCompleted)
                throw machine.Ended();
            return machine;
        }
        catch
        {
            foreach (var resource in Enumerable.Reverse(taken))
                host.Release(ledger, resource);
            throw;
        }
    }
}

/// <summary>A machine in memory.</summary>
public sealed class HarnessMachine : IVirtualMachine
{
    private readonly HarnessHost _host;
    private readonly IResourceLedger _ledger;
    private readonly IReadOnlyList<AcquiredResource> _taken;
    private readonly TimeSpan _launched;
    private readonly TaskCompletionSource<VmExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal HarnessMachine(
        HarnessHost host, IResourceLedger ledger, IReadOnlyList<AcquiredResource> taken, HarnessGuest guest,
        HostPath state)
    {
        _host = host;
        _ledger = ledger;
        _taken = taken;
        Guest = guest;
        Endpoint = new SerialEndpoint(state.Append("agent.sock"));
        Resource = taken[^1];
        Devices = new HarnessHotplug(host);
        _launched = host.Time.Elapsed;
        guest.PoweredOff += () => Die(new VmmEnd(0, null));
    }

    /// <summary>What runs in it.</summary>
    public HarnessGuest Guest { get; }

    /// <summary>The VMM as the ledger has it.</summary>
    public AcquiredResource Resource { get; }

    /// <summary>How the agent is reached.</summary>
    public GuestEndpoint Endpoint { get; }

    /// <summary>How the VMM is stopped at last: false for one that only a signal ends.</summary>
    public bool StopsByItself { get; set; } = true;

    /// <inheritdoc/>
    public int ProcessId => Resource.ProcessId;

    /// <inheritdoc/>
    public string Choices => "in memory";

    /// <summary>The part of the time in which it gets no processor.</summary>
    public double WaitingShare { get; init; }

    /// <inheritdoc/>
    public TimeSpan KeptWaiting =>
        Exited.IsCompleted ? TimeSpan.Zero : WaitedBefore + ((_host.Time.Elapsed - _launched) * WaitingShare);

    /// <summary>What it was kept waiting besides.</summary>
    public TimeSpan WaitedBefore { get; set; }

    /// <inheritdoc/>
    public Task<VmExit> Exited => _exited.Task;

    /// <summary>Its devices.</summary>
    public HarnessHotplug Devices { get; }

    /// <inheritdoc/>
    public IDeviceHotplug? Hotplug => Devices;

    /// <inheritdoc/>
    public IVmResize? Resize { get; init; }

    /// <inheritdoc/>
    public IReadOnlyList<string> ErrorTail { get; set; } = [];

    /// <inheritdoc/>
    public IReadOnlyList<string> ConsoleTail { get; set; } = ["the last line of the console"];

    GuestEndpoint IVirtualMachine.Guest => Endpoint;

    /// <inheritdoc/>
    public Task PauseAsync(CancellationToken ct) => CommandAsync();

    /// <inheritdoc/>
    public Task ResumeAsync(CancellationToken ct) => CommandAsync();

    /// <inheritdoc/>
    public async Task StopAsync(TimeSpan grace, CancellationToken ct)
    {
        await _host.StandAsync(_host.Enter("machine.stop"), ct);
        if (grace > TimeSpan.Zero && !_exited.Task.IsCompleted)
            await Task.WhenAny(_exited.Task, _host.Time.Delay(grace, ct));
        Die(new VmmEnd(null, 15));
        foreach (var resource in _taken.Reverse())
            _host.Release(_ledger, resource);
    }

    /// <summary>The VMM ends.</summary>
    public void Die(VmmEnd end)
    {
        if (!_exited.TrySetResult(new VmExit(end, _host.Time.GetUtcNow())))
            return;
        _host.Drop(Resource);
        Guest.Disconnect("the machine has ended");
        Guest.Stop();
    }

    /// <summary>The failure of whoever needs it alive.</summary>
    public KataException Ended() =>
        new(ErrorKind.Unavailable,
            "the VMM has ended")
        {
            Report = new FailureReport
            {
                Phase = "",
                After = default,
                Vmm = _exited.Task.Result.End,
                VmmErrors = ErrorTail
            }
        };

    private Task CommandAsync() => _exited.Task.IsCompleted ? Task.FromException(Ended()) : Task.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.Zero, CancellationToken.None);
}
