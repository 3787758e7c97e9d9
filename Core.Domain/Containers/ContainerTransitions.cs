using static Kata.Core.Domain.Containers.ContainerState;
using static Kata.Core.Domain.Containers.ContainerTrigger;

namespace Kata.Core.Domain.Containers;

/// <summary>The life of a container.</summary>
public static class ContainerTransitions
{
    /// <summary>The table.</summary>
    public static readonly StateTable<ContainerState, ContainerTrigger> Table = new(
        (Creating, GuestCreated, Created),
        (Creating, CreateFailed, Deleted),
        (Creating, Cancelled, Deleted),
        (Created, GuestStarted, Running),
        (Created, StartFailed, Stopped),
        (Created, InitExited, Stopped),
        (Running, InitExited, Stopped),
        (Paused, InitExited, Stopped),
        (Running, GuestPaused, Paused),
        (Paused, GuestResumed, Running),
        (Created, ContainerTrigger.Delete, Deleted),
        (Stopped, ContainerTrigger.Delete, Deleted));
}
