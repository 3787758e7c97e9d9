using Kata.Core.Domain.Machines;

namespace Kata.Core.Application.Ports;

/// <summary>A machine that has been launched.</summary>
public interface IVirtualMachine : IAsyncDisposable
{
    /// <summary>Host pid of the VMM.</summary>
    int ProcessId { get; }

    /// <summary>How the agent is reached.</summary>
    GuestEndpoint Guest { get; }

    /// <summary>
    /// Which channel and accelerator were chosen, and why, in one sentence for the log and the state directory.
    /// </summary>
    string Choices { get; }

    /// <summary>Completes when the VMM process has been reaped; never faults.</summary>
    Task<VmExit> Exited { get; }

    /// <summary>
    /// How long the machine could have run and got no processor, by the thread of the VMM that waited longest: what a
    /// busy host took from it so far. Zero if the host does not tell, and once the VMM has ended. Cheap, does not fail.
    /// </summary>
    TimeSpan KeptWaiting { get; }

    /// <summary>Adds devices to the running machine; null: this machine cannot.</summary>
    IDeviceHotplug? Hotplug { get; }

    /// <summary>Changes vCPUs and memory; null: this machine cannot.</summary>
    IVmResize? Resize { get; }

    /// <summary>Last lines of the VMM's standard error, bounded.</summary>
    IReadOnlyList<string> ErrorTail { get; }

    /// <summary>Last lines of the guest's console, bounded; written by the guest, control characters removed.</summary>
    IReadOnlyList<string> ConsoleTail { get; }

    /// <summary>The threads of the VMM that are its vCPUs; none if it does not tell.</summary>
    Task<IReadOnlyList<int>> ReadVcpuThreadsAsync(CancellationToken ct) => Task.FromResult<IReadOnlyList<int>>([]);

    /// <summary>Stops the vCPUs.</summary>
    Task PauseAsync(CancellationToken ct);

    /// <summary>Lets the vCPUs run again.</summary>
    Task ResumeAsync(CancellationToken ct);

    /// <summary>
    /// Ends the VMM: waits <paramref name="grace"/> for it to end by itself, then SIGTERM, then SIGKILL. Idempotent,
    /// and returns only when the process has been reaped and what the launch recorded has been released. Does not fail.
    /// </summary>
    Task StopAsync(TimeSpan grace, CancellationToken ct);
}

/// <summary>Adds and removes devices of a running machine.</summary>
public interface IDeviceHotplug
{
    /// <summary>Adds a device; where the guest finds it is in the answer.</summary>
    Task<AttachedDevice> AttachAsync(Device device, CancellationToken ct);

    /// <summary>Removes it; returns when the guest has released it. An unknown device is no failure.</summary>
    Task DetachAsync(AttachedDevice device, CancellationToken ct);

    /// <summary>
    /// A disk has this size now: a block device of the host has grown already, a file grows here. None shrinks:
    /// InvalidArgument.
    /// </summary>
    Task ResizeAsync(AttachedDevice device, long bytes, CancellationToken ct);
}

/// <summary>Changes the size of a running machine.</summary>
public interface IVmResize
{
    /// <summary>Tries to reach <paramref name="wanted"/> and answers what was reached.</summary>
    Task<VmResources> ResizeAsync(VmResources wanted, CancellationToken ct);
}
