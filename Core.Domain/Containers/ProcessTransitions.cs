using static Kata.Core.Domain.Containers.ProcessState;

namespace Kata.Core.Domain.Containers;

/// <summary>The life of an exec.</summary>
public static class ProcessTransitions
{
    /// <summary>The table.</summary>
    public static readonly StateTable<ProcessState, ProcessTrigger> Table = new(
        (Added, ProcessTrigger.GuestStarted, Running),
        (Added, ProcessTrigger.StartFailed, Exited),
        (Added, ProcessTrigger.InitExited, Exited),
        (Running, ProcessTrigger.Exited, Exited),
        (Running, ProcessTrigger.InitExited, Exited),
        (Added, ProcessTrigger.Delete, Deleted),
        (Exited, ProcessTrigger.Delete, Deleted));
}
