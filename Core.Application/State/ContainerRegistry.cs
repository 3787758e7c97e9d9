using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;

namespace Kata.Core.Application.State;

/// <summary>
/// The containers of the sandbox. A change is one transition under one lock, with its events queued for the container
/// manager before the lock is released, so that events leave in the order in which they came about. The lock is never
/// held across an await.
/// </summary>
internal sealed class ContainerRegistry(ITaskEvents events)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ContainerId, LiveContainer> _containers = [];

    /// <summary>True if no container is left.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_lock)
                return _containers.Count == 0;
        }
    }

    /// <summary>The containers now.</summary>
    public IReadOnlyList<LiveContainer> All
    {
        get
        {
            lock (_lock)
                return [.. _containers.Values];
        }
    }

    /// <summary>Those that have not ended.</summary>
    public IEnumerable<LiveContainer> Living =>
        All.Where(c => c.Aggregate.State is not (ContainerState.Stopped or ContainerState.Deleted));

    /// <summary>Ids of the containers that have been created.</summary>
    public IReadOnlyList<ContainerId> CreatedIds
    {
        get
        {
            lock (_lock)
                return [.. _containers.Values.Where(c => c.Aggregate.State != ContainerState.Creating)
                    .Select(c => c.Aggregate.Id)];
        }
    }

    /// <summary>Takes a new container in; AlreadyExists if its id is in use.</summary>
    public LiveContainer Add(Container aggregate)
    {
        lock (_lock)
        {
            var live = new LiveContainer(aggregate);
            if (!_containers.TryAdd(aggregate.Id, live))
                throw ContainerErrors.AlreadyExists(aggregate.Id);
            return live;
        }
    }

    /// <summary>The container, or a NotFound failure.</summary>
    public LiveContainer Find(ContainerId id)
    {
        lock (_lock)
            return FindUnderLock(id);
    }

    /// <summary>The process with its handles, or a NotFound failure.</summary>
    public LiveProcess Find(ProcessRef process)
    {
        lock (_lock)
        {
            return FindUnderLock(process.Container).Processes.TryGetValue(process, out var live)
                ? live
                : throw ContainerErrors.NotFound(process);
        }
    }

    /// <summary>Takes a container's process in; one that has ended in the meantime lets its waiters go.</summary>
    public void Attach(LiveProcess process)
    {
        lock (_lock)
        {
            var live = FindUnderLock(process.Ref.Container);
            live.Processes[process.Ref] = process;
            if (ExitOf(live.Aggregate, process.Ref) is { } exit)
                process.CompleteExit(exit);
        }
    }

    /// <summary>The processes of a container that are open now; none if it is gone.</summary>
    public IReadOnlyList<LiveProcess> ProcessesOf(ContainerId id)
    {
        lock (_lock)
            return _containers.TryGetValue(id, out var live) ? [.. live.Processes.Values] : [];
    }

    /// <summary>Remembers how an init ended until that can be told; the first report wins.</summary>
    public void Report(ContainerId id, ExitStatus exit)
    {
        lock (_lock)
            FindUnderLock(id).ReportedExit ??= exit;
    }

    /// <summary>Lets a process's handles go.</summary>
    public void Detach(ProcessRef process)
    {
        lock (_lock)
        {
            if (_containers.TryGetValue(process.Container, out var live))
                live.Processes.Remove(process);
        }
    }

    /// <summary>Lets a container go.</summary>
    public void Remove(ContainerId id)
    {
        lock (_lock)
        {
            if (_containers.Remove(id, out var live))
                live.Dispose();
        }
    }

    /// <summary>Reads one container at one moment.</summary>
    public T Read<T>(ContainerId id, Func<Container, T> read)
    {
        lock (_lock)
            return read(FindUnderLock(id).Aggregate);
    }

    /// <summary>The kind of a container; null if it is gone.</summary>
    public ContainerKind? KindOf(ContainerId id)
    {
        lock (_lock)
            return _containers.TryGetValue(id, out var live) ? live.Aggregate.Kind : null;
    }

    /// <summary>Checks one container; the check refuses by throwing.</summary>
    public void Check(ContainerId id, Action<Container> check)
    {
        lock (_lock)
            check(FindUnderLock(id).Aggregate);
    }

    /// <summary>One transition. The events have been queued; the caller publishes them to reactions.</summary>
    public IReadOnlyList<IDomainEvent> Change(ContainerId id, Action<Container> transition)
    {
        lock (_lock)
            return ChangeUnderLock(FindUnderLock(id), transition);
    }

    /// <summary>One transition with an answer.</summary>
    public (T Answer, IReadOnlyList<IDomainEvent> Raised) Change<T>(ContainerId id, Func<Container, T> transition)
    {
        lock (_lock)
        {
            T answer = default!;
            var raised = ChangeUnderLock(FindUnderLock(id), c => answer = transition(c));
            return (answer, raised);
        }
    }

    /// <summary>
    /// Every process of the chosen containers that still runs ends, at one instant, the execs of a container before its
    /// init: as killed, unless the guest has already said how.
    /// </summary>
    public IReadOnlyList<IDomainEvent> KillAll(DateTimeOffset at, Func<Container, bool> choose)
    {
        lock (_lock)
        {
            var raised = new List<IDomainEvent>();
            var exit = new ExitStatus(ExitStatus.Killed, at);
            foreach (var live in _containers.Values.Where(live => choose(live.Aggregate)))
                raised.AddRange(ChangeUnderLock(live, c => c.RecordExit(c.Init.Ref, live.ReportedExit ?? exit)));
            return raised;
        }
    }

    private IReadOnlyList<IDomainEvent> ChangeUnderLock(LiveContainer live, Action<Container> transition)
    {
        try
        {
            transition(live.Aggregate);
        }
        finally
        {
            // An exec that ends with its init without ever having run has a status but no exit event: its waiters too
            // are released.
            foreach (var process in live.Processes.Values)
            {
                if (ExitOf(live.Aggregate, process.Ref) is { } exit)
                    process.CompleteExit(exit);
            }
        }

        var raised = live.Aggregate.DequeueEvents();
        foreach (var domainEvent in raised)
            events.Enqueue(domainEvent);
        return raised;
    }

    private static ExitStatus? ExitOf(Container container, ProcessRef process) =>
        process.IsInit ? container.Init.Exit : container.Execs.FirstOrDefault(e => e.Ref == process)?.Exit;

    private LiveContainer FindUnderLock(ContainerId id) =>
        _containers.TryGetValue(id, out var live) ? live : throw ContainerErrors.NotFound(id);
}
