using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Tests.Harness;

/// <summary>
/// The host on which the harness's ports act: what is held there, what is under way, and what goes wrong.
/// </summary>
public sealed class HarnessHost(FaultSchedule? faults = null, ManualTime? time = null)
{
    private readonly List<AcquiredResource> _held = [];
    private readonly Lock _lock = new();
    private readonly List<string> _calls = [];
    private readonly Dictionary<int, string> _pending = [];
    private int _nextCall;
    private int _nextPid = 1000;

    /// <summary>The clock.</summary>
    public ManualTime Time { get; } = time ?? new ManualTime();

    /// <summary>What goes wrong.</summary>
    public FaultSchedule Faults { get; } = faults ?? new FaultSchedule();

    /// <summary>Every port call so far, by name.</summary>
    public IReadOnlyList<string> Calls => _calls;

    /// <summary>What is held on the host, in the order in which it was taken: empty on a clean one.</summary>
    public IReadOnlyList<AcquiredResource> Held => _held;

    /// <summary>Open ends of clients' streams.</summary>
    public int OpenStreams { get; set; }

    /// <summary>The shim itself is in a cgroup of the sandbox, which then cannot be removed.</summary>
    public bool ShimIsInCgroup { get; set; }

    /// <summary>The CPUs and memory nodes that the sandbox is bound to.</summary>
    public OciCpu? BoundTo { get; set; }

    /// <summary>The machine that runs.</summary>
    public HarnessMachine? Machine { get; set; }

    /// <summary>The file daemon that is installed.</summary>
    public FileDaemon FileDaemon { get; set; } = new("/usr/libexec/virtiofsd (1.13.2)", []);

    /// <summary>The file daemon that runs.</summary>
    public HarnessShare? Share { get; set; }

    /// <summary>Files that are not there when they are to be shared.</summary>
    public HashSet<string> Missing { get; } = [];

    /// <summary>Nothing can be written.</summary>
    public bool DiskIsFull { get; set; }

    internal Dictionary<SandboxId, StateDirectory> Directories { get; } = [];

    /// <summary>What is under way, for the text of a failure.</summary>
    public string Pending => string.Join(", ", _pending.Values);

    /// <summary>What differs from a clean host, one a line.</summary>
    public IEnumerable<string> Leftovers() =>
    [
        .. _held.Select(resource => $"{resource.Kind} {resource.Name}"),
        .. OpenStreams == 0 ? [] : new[] { $"{OpenStreams} open streams" },
        .. ShimIsInCgroup ? new[] { "the shim in the cgroup" } : [],
    ];

    /// <summary>Begins a port call, at which something may go wrong. The answer goes to <see cref="Leave"/>.</summary>
    public async Task EnterAsync(string call, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        await StandAsync(Enter(call), ct);
    }

    /// <summary>Begins a port call. The answer says how it is held up, if it is: <see cref="StandAsync"/>.</summary>
    public Fault? Enter(string call)
    {
        Fault? due;
        lock (_lock)
        {
            _calls.Add(call);
            due = Faults.Take(call);
        }

        switch (due)
        {
            case null:
                return null;
            case { Kind: FaultKind.Fail } fault:
                throw new KataException(fault.Error, $"{call} fails by the schedule");
            case { Kind: FaultKind.Bug }:
                throw new InvalidOperationException($"{call} breaks by the schedule");
            case { Kind: FaultKind.Hang or FaultKind.Slow } held:
                return held with { Call = call };
            case { Kind: FaultKind.MachineDies }:
                Machine?.Die(new VmmEnd(null, 9));
                return null;
            case { Kind: FaultKind.FileDaemonDies }:
                Share?.Die("signal 9");
                return null;
            case { Kind: FaultKind.MachineDiesAfterFileDaemon }:
                Share?.Die("its socket was closed");
                _ = DieLaterAsync(Machine);
                return null;
            case { Kind: FaultKind.ConnectionLost }:
                Machine?.Guest.Disconnect("connection reset");
                return null;
            case { Kind: FaultKind.AgentHangs }:
                if (Machine is { } machine)
                    machine.Guest.Answers = false;
                return null;
            default:
                DiskIsFull = true;
                return null;
        }
    }

    /// <summary>Is held up, where the schedule wants that.</summary>
    public Task StandAsync(Fault? held, CancellationToken ct) => held switch
    {
        null => Task.CompletedTask,
        { Kind: FaultKind.Hang } => HangAsync(held.Call, ct),
        _ => Time.Delay(held.Delay, ct),
    };

    private async Task DieLaterAsync(HarnessMachine? machine)
    {
        await Time.Delay(TimeSpan.FromMilliseconds(20));
        machine?.Die(new VmmEnd(null, 9));
    }

    /// <summary>Waits until the token fires.</summary>
    public async Task HangAsync(string call, CancellationToken ct)
    {
        int id;
        lock (_lock)
        {
            id = _nextCall++;
            _pending[id] = call;
        }

        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, ct);
        }
        finally
        {
            lock (_lock)
                _pending.Remove(id);
        }
    }

    /// <summary>A pid that nobody had.</summary>
    public int NewPid() => _nextPid++;

    /// <summary>Writes a thing down, then takes it.</summary>
    public AcquiredResource Take(
        IResourceLedger ledger, ResourceKind kind, string name, ContainerId? owner = null, int pid = 0)
    {
        var resource = new AcquiredResource(kind, name) { Owner = owner, ProcessId = pid };
        ledger.Record(resource);
        Hold(resource);
        return resource;
    }

    /// <summary>A thing is there now.</summary>
    public void Hold(AcquiredResource resource)
    {
        if (!_held.Any(held => held.IsSameThing(resource)))
            _held.Add(resource);
    }

    /// <summary>Gives a thing back and strikes it out.</summary>
    public void Release(IResourceLedger ledger, AcquiredResource resource)
    {
        Drop(resource);
        ledger.Forget(resource);
    }

    /// <summary>A thing is gone, whoever took it; refuses what a host refuses.</summary>
    public void Drop(AcquiredResource resource)
    {
        var index = _held.FindIndex(held => held.IsSameThing(resource));
        if (index < 0)
            return;
        if (resource.Kind == ResourceKind.Cgroup && ShimIsInCgroup)
            throw new KataException(ErrorKind.Internal, $"cgroup {resource.Name} is busy: the shim is in it");
        if (resource.Kind == ResourceKind.Cgroup && _held.Any(held => held.Kind == ResourceKind.Process))
            throw new KataException(ErrorKind.Internal, $"cgroup {resource.Name} is busy: a child is in it");
        if (resource.Kind == ResourceKind.Directory
            && _held.Find(
                held =>
                    held.Kind == ResourceKind.Mount
                        && held.Name.StartsWith(resource.Name + "/", StringComparison.Ordinal)) is { } mount)
        {
            throw new KataException(
                ErrorKind.Internal, $"directory {resource.Name} is busy: {mount.Name} is mounted in it");
        }

        _held.RemoveAt(index);
    }

    /// <summary>Refuses if nothing can be written.</summary>
    public void Write(string what)
    {
        if (DiskIsFull)
            throw new KataException(ErrorKind.ResourceExhausted, $"no space left on device for {what}");
    }
}
