using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness.Agent;

/// <summary>What runs in a machine: the agent's side of every conversation, containers and processes.</summary>
public sealed class HarnessGuest(HarnessHost host, GuestPrograms programs)
{
    private readonly Dictionary<ContainerId, HarnessGuestContainer> _containers = [];
    private readonly List<HarnessAgent> _agents = [];
    private bool _stopped;

    /// <summary>Raised when the guest powers off by itself.</summary>
    public event Action? PoweredOff;

    /// <summary>False for an agent that hangs.</summary>
    public bool Answers { get; set; } = true;

    /// <summary>False for an agent that answers everything but how processes ended.</summary>
    public bool TellsExits { get; set; } = true;

    /// <summary>Virtual time from the launch to the agent's first answer.</summary>
    public TimeSpan BootTime { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>vCPUs that the machine has.</summary>
    public int Vcpus { get; set; }

    /// <summary>Memory that the machine has.</summary>
    public int MemoryMib { get; set; }

    /// <summary>vCPUs that are online.</summary>
    public int OnlineVcpus { get; private set; } = 1;

    /// <summary>Memory that is online.</summary>
    public int OnlineMemoryMib { get; private set; }

    /// <summary>vCPUs that the guest brings online at most.</summary>
    public int MaxOnlineVcpus { get; set; } = int.MaxValue;

    /// <summary>The sandbox that was opened.</summary>
    public GuestSandboxSpec? Sandbox { get; internal set; }

    /// <summary>Its network, as applied so far.</summary>
    public GuestNetworkSpec Network { get; private set; } = GuestNetworkSpec.Empty;

    /// <summary>Ports of its localhost that send back what they get.</summary>
    public HashSet<int> EchoPorts { get; } = [];

    /// <summary>Who answers its questions about names; null while nobody does.</summary>
    public NameAnswerer? Names { get; internal set; }

    /// <summary>The in-memory volumes that were last resized.</summary>
    public IReadOnlyList<GuestMount> ResizedMounts { get; internal set; } = [];

    /// <summary>The guest has ended.</summary>
    public bool IsStopped => _stopped;

    /// <summary>Its containers.</summary>
    public IReadOnlyDictionary<ContainerId, HarnessGuestContainer> Containers => _containers;

    internal HarnessHost Host => host;

    internal GuestPrograms Programs => programs;

    /// <summary>One of its processes.</summary>
    public GuestProcess Process(ProcessRef process) => Find(process.Container).Find(process);

    /// <summary>Tells the host that a container has run out of memory.</summary>
    public void RunOutOfMemory(ContainerId container)
    {
        foreach (var agent in _agents)
            agent.TellOutOfMemory(container);
    }

    /// <summary>Every connection is lost; what is on its way is lost with it.</summary>
    public void Disconnect(string reason)
    {
        foreach (var agent in _agents)
            agent.Lose(reason);
    }

    internal void Online(VmResources reached)
    {
        if (reached.MemoryMib > 0)
            OnlineMemoryMib = MemoryMib;
        OnlineVcpus = Math.Max(OnlineVcpus, Math.Min(reached.Vcpus, Math.Min(Vcpus, MaxOnlineVcpus)));
        if (OnlineVcpus < reached.Vcpus)
            throw new KataException(
                ErrorKind.Internal, $"guest: {OnlineVcpus} of {reached.Vcpus} processors are online after 5 s");
    }

    internal HarnessAgent Connect()
    {
        var agent = new HarnessAgent(this);
        _agents.Add(agent);
        return agent;
    }

    // As an agent does it: a link is found by its address, nothing old is taken away.
    internal void Apply(GuestNetworkSpec network) => Network = new GuestNetworkSpec
    {
        Interfaces = [.. Network.Interfaces.Where(i => network.Interfaces.All(n => n.Mac != i.Mac)),
            .. network.Interfaces],
        Routes = [.. Network.Routes.Union(network.Routes)],
        Neighbours = [.. Network.Neighbours.Union(network.Neighbours)],
    };

    internal void Add(GuestContainerSpec spec)
    {
        if (!_containers.TryAdd(spec.Id, new HarnessGuestContainer(this, spec)))
            throw new KataException(ErrorKind.AlreadyExists, $"guest: container {spec.Id} exists");
    }

    internal HarnessGuestContainer Find(ContainerId id) =>
        _containers.TryGetValue(id, out var found)
            ? found
            : throw new KataException(ErrorKind.NotFound, $"guest: no container {id}");

    internal void Remove(ContainerId id)
    {
        if (_containers.Remove(id, out var removed))
            removed.End(137);
    }

    internal void PowerOff() => PoweredOff?.Invoke();

    internal void Stop()
    {
        if (_stopped)
            return;
        _stopped = true;
        foreach (var container in _containers.Values)
            container.Break(new KataException(ErrorKind.Unavailable, "the guest has ended"));
    }
}

/// <summary>A container of the guest.</summary>
public sealed class HarnessGuestContainer
{
    private readonly HarnessGuest _guest;
    private readonly Dictionary<ProcessRef, GuestProcess> _processes = [];
    private readonly List<(GuestProcess Process, Signal Signal)> _held = [];
    private TaskCompletionSource _thawed = new();

    internal HarnessGuestContainer(HarnessGuest guest, GuestContainerSpec spec)
    {
        _guest = guest;
        Spec = spec;
        Vcpus = "";
        Update(spec.Oci.Linux?.Resources ?? new OciResources());
        Init = new GuestProcess(new ProcessRef(spec.Id), spec.Oci.Process ?? new(), this);
        _processes.Add(Init.Ref, Init);
        _thawed.SetResult();
    }

    /// <summary>What it was made from.</summary>
    public GuestContainerSpec Spec { get; }

    /// <summary>vCPUs that it may run on, as its specification and its updates say; none for all.</summary>
    public string Vcpus { get; private set; }

    /// <summary>Its init.</summary>
    public GuestProcess Init { get; }

    internal Task Thawed => _thawed.Task;

    internal bool IsStarted { get; private set; }

    internal GuestProcess Find(ProcessRef process) => _processes.TryGetValue(process, out var found)
        ? found
        : throw new KataException(ErrorKind.NotFound, $"guest: no {process}");

    internal void Update(OciResources resources)
    {
        if (resources.Cpu?.Cpus is not { Length: > 0 } cpus)
            return;
        if (!CpuList.TryParse(cpus, out var list) || list.Highest >= _guest.OnlineVcpus)
            throw new KataException(ErrorKind.InvalidArgument, $"guest: vCPUs {cpus} are not online");
        Vcpus = cpus;
    }

    internal void Start()
    {
        if (IsStarted || Init.Exit.IsCompleted)
            throw new KataException(ErrorKind.FailedPrecondition, "guest: the container is not created");
        Run(Init);
        IsStarted = true;
    }

    internal void Exec(ProcessRef reference, Core.Domain.Oci.OciProcess spec)
    {
        if (!IsStarted || Init.Exit.IsCompleted)
            throw new KataException(ErrorKind.NotFound, "guest: the container does not run");
        var process = new GuestProcess(reference, spec, this);
        if (!_processes.TryAdd(reference, process))
            throw new KataException(ErrorKind.AlreadyExists, $"guest: {reference} exists");
        try
        {
            Run(process);
        }
        catch
        {
            _processes.Remove(reference);
            throw;
        }
    }

    internal void Signal(ProcessRef reference, Signal signal, bool all)
    {
        var process = Find(reference);
        if (process.Exit.IsCompleted)
            throw new KataException(ErrorKind.NotFound, $"guest: {reference} has ended");
        foreach (var target in all ? _processes.Values.ToList() : [process])
        {
            if (!_thawed.Task.IsCompleted)
                _held.Add((target, signal));
            // What waits for the start in the init's place is the first of its namespace: the kernel keeps all but
            // SIGKILL from it.
            else if (!IsStarted && target == Init && signal != Core.Domain.Containers.Signal.Kill)
                target.Signals.Add(signal);
            else
                target.Take(signal);
        }

        if (!IsStarted && signal == Core.Domain.Containers.Signal.Kill)
            Init.End(137);
    }

    internal void Pause()
    {
        if (_thawed.Task.IsCompleted)
            _thawed = new TaskCompletionSource();
    }

    internal void Resume()
    {
        _thawed.TrySetResult();
        foreach (var (process, signal) in _held)
            process.Take(signal);
        _held.Clear();
    }

    // The init takes every other process along.
    internal void Ended(GuestProcess process)
    {
        if (process != Init)
            return;
        foreach (var other in _processes.Values.Where(other => other != Init))
            other.Take(Core.Domain.Containers.Signal.Kill);
    }

    internal void End(int code)
    {
        foreach (var process in _processes.Values)
            process.End(code);
    }

    internal void Break(Exception why)
    {
        foreach (var process in _processes.Values)
            process.Break(why);
    }

    private void Run(GuestProcess process)
    {
        var name = process.Spec.Args.Count > 0 ? process.Spec.Args[0] : "";
        if (_guest.Programs[name] is not { } program)
            throw new KataException(ErrorKind.NotFound, $"guest: executable file \"{name}\" not found in $PATH");
        process.Run(program);
    }
}
