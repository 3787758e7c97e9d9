using Kata.Core.Domain.Storage;

namespace Kata.Core.Domain.Containers;

/// <summary>
/// A container of a sandbox: one init process and any number of execs. No exec outlives the init, and the init's exit
/// is told last; that is why the processes live in here.
/// </summary>
public sealed class Container : AggregateRoot
{
    private readonly Dictionary<ExecId, Process> _execs = [];

    /// <summary>A container about to be created.</summary>
    public Container(ContainerId id, ContainerKind kind, HostPath bundle, IReadOnlyList<MountSpec> rootfs, Stdio stdio)
    {
        Id = id;
        Kind = kind;
        Bundle = bundle;
        Rootfs = rootfs;
        Init = new Process(new ProcessRef(id), stdio);
    }

    /// <summary>Its id.</summary>
    public ContainerId Id { get; }

    /// <summary>The part it plays in the sandbox.</summary>
    public ContainerKind Kind { get; }

    /// <summary>The bundle directory.</summary>
    public HostPath Bundle { get; }

    /// <summary>The mounts that make its root filesystem, as the client gave them.</summary>
    public IReadOnlyList<MountSpec> Rootfs { get; }

    /// <summary>Its first process.</summary>
    public Process Init { get; }

    /// <summary>Its further processes that have not been deleted.</summary>
    public IReadOnlyCollection<Process> Execs => _execs.Values;

    /// <summary>Where it is in its life.</summary>
    public ContainerState State { get; private set; }

    /// <summary>The host pid that stands for its processes; 0 until created.</summary>
    public int Pid { get; private set; }

    /// <summary>How often the guest has reported that its kernel killed for lack of memory.</summary>
    public ulong OutOfMemoryKills { get; private set; }

    /// <summary>One of its processes, or a NotFound failure.</summary>
    public Process Find(ProcessRef process)
    {
        if (process.Exec is null)
            return Init;
        return _execs.TryGetValue(process.Exec, out var exec) ? exec : throw ContainerErrors.NotFound(process);
    }

    /// <summary>The guest has prepared it.</summary>
    public void RecordCreation(int pid)
    {
        Take(ContainerTrigger.GuestCreated);
        Pid = pid;
        Raise(new ContainerCreated(Id, Bundle, Rootfs, Init.Stdio, pid));
    }

    /// <summary>Its preparation failed or was cancelled: it never existed.</summary>
    public void RecordCreateFailure(bool cancelled) =>
        Take(cancelled ? ContainerTrigger.Cancelled : ContainerTrigger.CreateFailed);

    /// <summary>Refuses, unless the process may be started now.</summary>
    public void CheckStart(ProcessRef process)
    {
        if (process.IsInit)
        {
            if (!ContainerTransitions.Table.TryNext(State, ContainerTrigger.GuestStarted, out _))
                throw ContainerErrors.Refused(Id, State, ContainerTrigger.GuestStarted);
            return;
        }

        var exec = Find(process);
        if (exec.State == ProcessState.Added && State != ContainerState.Running)
            throw ContainerErrors.NotRunning(Id, State);
        if (!ProcessTransitions.Table.TryNext(exec.State, ProcessTrigger.GuestStarted, out _))
            throw ContainerErrors.Refused(process, exec.State, ProcessTrigger.GuestStarted);
    }

    /// <summary>The process runs in the guest.</summary>
    public void RecordStart(ProcessRef process)
    {
        if (process.IsInit)
        {
            Take(ContainerTrigger.GuestStarted);
            Init.State = ProcessState.Running;
            Raise(new ContainerStarted(Id, Pid));
        }
        else
        {
            Take(Find(process), ProcessTrigger.GuestStarted);
            Raise(new ExecStarted(process, Pid));
        }
    }

    /// <summary>
    /// The process could not be started. That is no exit: nothing is told, waiters get the status. One that has ended
    /// in the meantime, with its machine or its init, has ended so.
    /// </summary>
    public void RecordStartFailure(ProcessRef process, DateTimeOffset at)
    {
        var failed = Find(process);
        if (failed.Exit is not null)
            return;
        if (process.IsInit)
        {
            Take(ContainerTrigger.StartFailed);
            Init.State = ProcessState.Exited;
        }
        else
        {
            Take(failed, ProcessTrigger.StartFailed);
        }

        failed.Exit = new ExitStatus(ExitStatus.Unknown, at);
    }

    /// <summary>Registers an exec; only a running container takes one.</summary>
    public void AddExec(ProcessRef process, Stdio stdio)
    {
        var id = process.Exec ?? throw new ArgumentException("an exec has an id", nameof(process));
        if (_execs.ContainsKey(id))
            throw ContainerErrors.AlreadyExists(process);
        if (State != ContainerState.Running)
            throw ContainerErrors.NotRunning(Id, State);
        _execs.Add(id, new Process(process, stdio));
        Raise(new ExecAdded(process));
    }

    /// <summary>
    /// The process has ended; the first report wins and the rest are ignored. An init takes its running execs with
    /// it: their exits are told first, with the code of a killed process.
    /// </summary>
    public void RecordExit(ProcessRef process, ExitStatus exit)
    {
        if (!process.IsInit)
        {
            if (_execs.TryGetValue(process.Exec!, out var exec) && exec.State == ProcessState.Running)
            {
                Take(exec, ProcessTrigger.Exited);
                exec.Exit = exit;
                Raise(new ProcessExited(process, Pid, exit));
            }

            return;
        }

        if (!ContainerTransitions.Table.TryNext(State, ContainerTrigger.InitExited, out _))
            return;

        foreach (var exec in _execs.Values)
            EndWithInit(exec, exit.At);

        Take(ContainerTrigger.InitExited);
        Init.State = ProcessState.Exited;
        Init.Exit = exit;
        Raise(new ProcessExited(process, Pid, exit));
    }

    /// <summary>
    /// The guest's kernel killed a process of it for lack of memory. Told once in the container's life: each event is
    /// work for the container manager, and a guest can claim any number.
    /// </summary>
    public void RecordOutOfMemory()
    {
        // The guest can name any container: of one that nobody has been told of, or that is gone, nothing is told.
        if (State is ContainerState.Creating or ContainerState.Deleted)
            return;
        if (OutOfMemoryKills++ == 0)
            Raise(new ContainerOutOfMemory(Id));
    }

    /// <summary>Its processes are frozen.</summary>
    public void RecordPause()
    {
        Take(ContainerTrigger.GuestPaused);
        Raise(new ContainerPaused(Id));
    }

    /// <summary>Its processes run again.</summary>
    public void RecordResume()
    {
        Take(ContainerTrigger.GuestResumed);
        Raise(new ContainerResumed(Id));
    }

    /// <summary>Refuses, unless this trigger may be taken now.</summary>
    public void Check(ContainerTrigger trigger)
    {
        if (!ContainerTransitions.Table.TryNext(State, trigger, out _))
            throw ContainerErrors.Refused(Id, State, trigger);
    }

    /// <summary>Refuses a signal that no process could take.</summary>
    public void CheckSignal(ProcessRef process)
    {
        var target = Find(process);
        if (target.State == ProcessState.Exited || State is ContainerState.Stopped or ContainerState.Deleted)
            throw ContainerErrors.AlreadyFinished(process);
        if (!process.IsInit && target.State == ProcessState.Added)
            throw ContainerErrors.NotStarted(process);
    }

    /// <summary>
    /// Remembers a terminal size for a process that does not run yet. True if it runs and must be told.
    /// </summary>
    public bool ResizeReachesGuest(ProcessRef process, TerminalSize size)
    {
        var target = Find(process);
        if (target.State == ProcessState.Added)
            target.WantedSize = size;
        return target.State == ProcessState.Running;
    }

    /// <summary>Refuses, unless the process may be deleted now.</summary>
    public void CheckDelete(ProcessRef process)
    {
        if (process.IsInit)
        {
            Check(ContainerTrigger.Delete);
            return;
        }

        var exec = Find(process);
        if (!ProcessTransitions.Table.TryNext(exec.State, ProcessTrigger.Delete, out _))
            throw ContainerErrors.Refused(process, exec.State, ProcessTrigger.Delete);
    }

    /// <summary>Deletes the process and answers how it ended; one that never ran ended with 0 now.</summary>
    public ExitStatus Delete(ProcessRef process, DateTimeOffset now)
    {
        var target = Find(process);
        CheckDelete(process);
        var exit = target.Exit ?? new ExitStatus(0, now);
        if (process.IsInit)
        {
            Take(ContainerTrigger.Delete);
            Init.State = ProcessState.Deleted;
            Raise(new ContainerDeleted(Id, Pid, exit));
        }
        else
        {
            Take(target, ProcessTrigger.Delete);
            _execs.Remove(process.Exec!);
            Raise(new ExecDeleted(process));
        }

        return exit;
    }

    private void EndWithInit(Process exec, DateTimeOffset at)
    {
        if (exec.State is not (ProcessState.Added or ProcessState.Running))
            return;
        var ran = exec.State == ProcessState.Running;
        Take(exec, ProcessTrigger.InitExited);
        exec.Exit = new ExitStatus(ran ? ExitStatus.Killed : ExitStatus.Unknown, at);
        if (ran)
            Raise(new ProcessExited(exec.Ref, Pid, exec.Exit));
    }

    private void Take(ContainerTrigger trigger) =>
        State = ContainerTransitions.Table.TryNext(State, trigger, out var next)
            ? next
            : throw ContainerErrors.Refused(Id, State, trigger);

    private static void Take(Process process, ProcessTrigger trigger) =>
        process.State = ProcessTransitions.Table.TryNext(process.State, trigger, out var next)
            ? next
            : throw ContainerErrors.Refused(process.Ref, process.State, trigger);
}
