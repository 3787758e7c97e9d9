using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>Opens the connection to the agent of a guest.</summary>
public interface IGuestAgentConnector
{
    /// <summary>
    /// Tries until the agent has answered a health check. The token carries the start deadline and "the VMM died";
    /// nothing is left open when it fires.
    /// </summary>
    /// <exception cref="Kata.Core.Domain.KataException">DeadlineExceeded with what was tried last; InvalidArgument for
    /// an endpoint that cannot be.</exception>
    Task<IGuestAgent> ConnectAsync(GuestEndpoint endpoint, CancellationToken ct);
}

/// <summary>
/// The agent of one guest. Every member may fail with Unavailable when the connection is gone, DeadlineExceeded when
/// the guest does not answer in time, and with the kinds of the guest's own refusals. Answers are bounded.
/// </summary>
public interface IGuestAgent : IGuestSandbox, IGuestNetwork, IGuestContainers, IGuestProcesses, IGuestUpkeep,
IAsyncDisposable
{
    /// <summary>Completes when the connection is gone; never faults. The text is the reason.</summary>
    Task<string> Closed { get; }
}

/// <summary>The guest as a whole.</summary>
public interface IGuestSandbox
{
    /// <summary>One health check.</summary>
    Task CheckAsync(CancellationToken ct);

    /// <summary>Opens the sandbox: host name, shared directory, shared memory.</summary>
    Task<GuestDetails> OpenAsync(GuestSandboxSpec spec, CancellationToken ct);

    /// <summary>Closes the sandbox; the guest may power off afterwards.</summary>
    Task CloseAsync(CancellationToken ct);

    /// <summary>
    /// Brings CPUs and memory online that were added; 0 of one leaves it alone. Fails if fewer CPUs come than that.
    /// </summary>
    Task OnlineResourcesAsync(VmResources reached, CancellationToken ct);

    /// <summary>
    /// One container id each time the guest's kernel killed for lack of memory; ends with the connection.
    /// </summary>
    IAsyncEnumerable<ContainerId> OutOfMemoryAsync(CancellationToken ct);
}

/// <summary>The guest's network; usable before the sandbox is opened.</summary>
public interface IGuestNetwork
{
    /// <summary>Brings interfaces, then routes, then neighbours into being. What is there already is renewed.</summary>
    Task ApplyNetworkAsync(GuestNetworkSpec network, CancellationToken ct);

    /// <summary>
    /// Connects to a port of the guest's localhost and relays bytes both ways until both have ended. Unavailable if
    /// nobody listens there, Unimplemented by agents other than ours.
    /// </summary>
    Task RelayPortAsync(int port, ILocalConnection connection, CancellationToken ct);

    /// <summary>
    /// Has the guest take what its programs ask of 127.0.0.11, and answers it. Completes when the guest takes
    /// questions, its answer when that has ended. Unimplemented by agents other than ours.
    /// </summary>
    Task<Task> ServeNamesAsync(NameAnswerer answer, CancellationToken ct);
}

/// <summary>What is rarely asked of a guest. Any of it may be Unimplemented there.</summary>
public interface IGuestUpkeep
{
    /// <summary>Remounts in-memory volumes after the machine's memory has grown.</summary>
    Task ResizeEphemeralMountsAsync(IReadOnlyList<GuestMount> mounts, CancellationToken ct);

    /// <summary>Usage of the volume mounted at a path of the guest.</summary>
    Task<VolumeUsage> VolumeUsageAsync(GuestPath path, CancellationToken ct);

    /// <summary>Tells the guest that the volume's device has this size now, in bytes.</summary>
    Task ResizeVolumeAsync(GuestPath path, long bytes, CancellationToken ct);
}

/// <summary>Usage of a volume; not to be trusted.</summary>
/// <param name="TotalBytes">Size of the filesystem.</param>
/// <param name="AvailableBytes">What an ordinary user can still take.</param>
/// <param name="UsedBytes">What is taken.</param>
/// <param name="TotalInodes">Inodes in all.</param>
/// <param name="AvailableInodes">Free inodes.</param>
/// <param name="UsedInodes">Taken inodes.</param>
public sealed record VolumeUsage(
    long TotalBytes, long AvailableBytes, long UsedBytes, long TotalInodes, long AvailableInodes, long UsedInodes);

/// <summary>Containers in the guest.</summary>
public interface IGuestContainers
{
    /// <summary>Prepares a container; its process does not run yet.</summary>
    Task CreateAsync(GuestContainerSpec spec, CancellationToken ct);

    /// <summary>Runs its init.</summary>
    Task StartAsync(ContainerId id, CancellationToken ct);

    /// <summary>Freezes it.</summary>
    Task PauseAsync(ContainerId id, CancellationToken ct);

    /// <summary>Thaws it.</summary>
    Task ResumeAsync(ContainerId id, CancellationToken ct);

    /// <summary>Changes its limits.</summary>
    Task UpdateAsync(ContainerId id, OciResources resources, CancellationToken ct);

    /// <summary>Its figures.</summary>
    Task<ContainerStats> StatsAsync(ContainerId id, CancellationToken ct);

    /// <summary>Removes it with what it has; processes that still run are killed. Already gone is success.</summary>
    Task RemoveAsync(ContainerId id, CancellationToken ct);
}

/// <summary>Processes in the guest.</summary>
public interface IGuestProcesses
{
    /// <summary>Starts an exec; the init starts with its container.</summary>
    Task ExecAsync(ProcessRef process, OciProcess spec, CancellationToken ct);

    /// <summary>Sends a signal. NotFound if the process has ended.</summary>
    /// <param name="process">The process.</param>
    /// <param name="signal">The signal.</param>
    /// <param name="all">To every process of the container; only for its init.</param>
    /// <param name="ct">Gives up waiting for the answer.</param>
    Task SignalAsync(ProcessRef process, Signal signal, bool all, CancellationToken ct);

    /// <summary>
    /// The exit code, once the process has ended; asked once per process, at any time. The adapter delays the call to
    /// agents that drop unread output with it.
    /// </summary>
    Task<int> WaitAsync(ProcessRef process, CancellationToken ct);

    /// <summary>Sets the size of its terminal.</summary>
    Task ResizeAsync(ProcessRef process, TerminalSize size, CancellationToken ct);

    /// <summary>Reads output, at least one byte; 0 at the end of the stream. One read at a time per stream.</summary>
    ValueTask<int> ReadAsync(ProcessRef process, GuestStream stream, Memory<byte> buffer, CancellationToken ct);

    /// <summary>Writes all of the data to its standard input.</summary>
    ValueTask WriteAsync(ProcessRef process, ReadOnlyMemory<byte> data, CancellationToken ct);

    /// <summary>Ends its standard input. Already closed is success.</summary>
    Task CloseStdinAsync(ProcessRef process, CancellationToken ct);
}
