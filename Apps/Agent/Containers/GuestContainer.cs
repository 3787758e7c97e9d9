using Kata.Apps.Agent.Cgroups;
using Kata.Apps.Agent.Processes;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Containers;

/// <summary>A container and its processes. Every member may be called at any time from any thread.</summary>
internal sealed class GuestContainer
{
    /// <summary>
    /// Execs whose status was taken but whose output nobody reads; more are given up, the oldest first.
    /// </summary>
    private const int MaximumUnread = 64;

    // Kernels before 6.14 may miss a process that is being forked just as its cgroup is killed.
    private const int KillTries = 5;

    private static readonly TimeSpan KillPatience = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private readonly List<ContainerProcess> _execs = [];
    private readonly HashSet<string> _reservedExecs = new(StringComparer.Ordinal);
    private GuestContainerState _state = GuestContainerState.Created;

    public GuestContainer(
        string id, string bundle, Oci.Spec spec, ContainerCgroup cgroup, ContainerProcess init,
        IReadOnlyList<string> storages)
    {
        Id = id;
        Bundle = bundle;
        Spec = spec;
        Cgroup = cgroup;
        Init = init;
        Storages = storages;
        InitEnded = RecordExitAsync();
    }

    public string Id { get; }

    public string Bundle { get; }

    /// <summary>The adapted spec.</summary>
    public Oci.Spec Spec { get; }

    public ContainerCgroup Cgroup { get; }

    public ContainerProcess Init { get; }

    public IReadOnlyList<string> Storages { get; }

    /// <summary>Completes after the init's end has been recorded.</summary>
    public Task InitEnded { get; }

    /// <summary>One at a time: what changes the container as a whole.</summary>
    public SemaphoreSlim Turn { get; } = new(1, 1);

    public GuestContainerState State
    {
        get
        {
            lock (_gate)
            {
                return _state;
            }
        }
    }

    public bool Allows(GuestContainerTrigger trigger) => GuestContainerStates.TryNext(State, trigger, out _);

    public void Change(GuestContainerTrigger trigger, string verb)
    {
        lock (_gate)
        {
            if (!GuestContainerStates.TryNext(_state, trigger, out var next))
            {
                throw AgentRefusals.WrongState(verb, Id, _state);
            }

            _state = next;
        }
    }

    /// <summary>
    /// The process for a call about signals, exit or the terminal. Its absence is told in the words that hosts know.
    /// </summary>
    public ContainerProcess Find(string execId)
    {
        lock (_gate)
        {
            if (IsInit(execId))
            {
                return !Init.StatusTaken
                    ? Init
                    : throw (execId.Length == 0 ? AgentRefusals.NoInit() : AgentRefusals.NoExec());
            }

            return _execs.Find(exec => exec.ExecId == execId && !exec.StatusTaken) ?? throw AgentRefusals.NoExec();
        }
    }

    /// <summary>
    /// The process for a call about its streams: also one whose status was taken, while it has output left.
    /// </summary>
    public ContainerProcess FindForStreams(string execId)
    {
        lock (_gate)
        {
            return IsInit(execId)
                ? Init
                : _execs.FindLast(exec => exec.ExecId == execId) ?? throw AgentRefusals.NoExec();
        }
    }

    /// <summary>Keeps an exec id for a process that is being started; <see cref="Forget"/> gives it up again.</summary>
    public void ReserveExec(string execId)
    {
        lock (_gate)
        {
            if (IsInit(execId) || _execs.Exists(exec => exec.ExecId == execId && !exec.StatusTaken)
                || !_reservedExecs.Add(execId))
            {
                throw AgentRefusals.ExecExists(execId);
            }
        }
    }

    public void AddExec(ContainerProcess process)
    {
        lock (_gate)
        {
            _reservedExecs.Remove(process.ExecId);
            RemoveWhere(exec => exec.ExecId == process.ExecId);
            _execs.Add(process);
        }
    }

    public void Forget(string execId)
    {
        lock (_gate)
        {
            _reservedExecs.Remove(execId);
        }
    }

    /// <summary>Gives the exit status to the first who asks after the end.</summary>
    public ProcessExit TakeStatus(ContainerProcess process, ProcessExit exit)
    {
        lock (_gate)
        {
            process.StatusTaken = true;
            if (!ReferenceEquals(process, Init))
            {
                RemoveSpent();
            }

            return exit;
        }
    }

    /// <summary>Drops execs that nobody can ask anything about any more.</summary>
    public void Sweep()
    {
        lock (_gate)
        {
            RemoveSpent();
        }
    }

    /// <summary>Ends every stream, for the container that is being removed.</summary>
    public void CloseStreams()
    {
        lock (_gate)
        {
            Init.Dispose();
            RemoveWhere(_ => true);
        }
    }

    private bool IsInit(string execId) => execId.Length == 0 || execId == Id;

    private void RemoveSpent()
    {
        RemoveWhere(exec => exec.IsSpent);
        while (_execs.Count(exec => exec.StatusTaken) > MaximumUnread)
        {
            var oldest = _execs.Find(exec => exec.StatusTaken)!;
            RemoveWhere(exec => ReferenceEquals(exec, oldest));
        }
    }

    private void RemoveWhere(Predicate<ContainerProcess> which)
    {
        foreach (var exec in _execs.FindAll(which))
        {
            _execs.Remove(exec);
            exec.Dispose();
        }
    }

    private async Task RecordExitAsync()
    {
        await Init.Exited;
        lock (_gate)
        {
            if (GuestContainerStates.TryNext(_state, GuestContainerTrigger.Exit, out var next))
            {
                _state = next;
            }
        }

        await EndOrphansAsync();
    }

    /// <summary>
    /// Ends what the init has left. With processes of its own the kernel has done so; where the pod's containers share
    /// theirs, orphans would live on and hold the container's output open.
    /// </summary>
    private async Task EndOrphansAsync()
    {
        for (var attempt = 0; attempt < KillTries; attempt++)
        {
            try
            {
                Cgroup.KillAll();
                using var limited = new CancellationTokenSource(KillPatience);
                await Cgroup.WaitEmptyAsync(limited.Token);
                return;
            }
            catch (Exception e) when (e is OperationCanceledException or IOException or LinuxException)
            {
                // Once more: one that cannot be killed now is still seen when the container is removed.
            }
        }
    }
}
