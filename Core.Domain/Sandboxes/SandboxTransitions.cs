using static Kata.Core.Domain.Sandboxes.SandboxState;
using static Kata.Core.Domain.Sandboxes.SandboxTrigger;

namespace Kata.Core.Domain.Sandboxes;

/// <summary>The life of a sandbox. A second Stop joins the first; the machine may end at any moment.</summary>
public static class SandboxTransitions
{
    /// <summary>The table.</summary>
    public static readonly StateTable<SandboxState, SandboxTrigger> Table = new(
        (New, Boot, Booting),
        (New, Stop, Stopped),
        (Booting, GuestAnswered, Ready),
        (Booting, BootFailed, Broken),
        (Booting, MachineExited, Broken),
        (Broken, BootFailed, Broken),
        (Broken, MachineExited, Broken),
        (Ready, Stop, Stopping),
        (Ready, MachineExited, Stopping),
        (Stopping, Stop, Stopping),
        (Stopping, MachineExited, Stopping),
        (Stopping, Released, Stopped),
        (Stopping, ReleaseFailed, Broken),
        (Broken, Stop, Stopping),
        (Stopped, Stop, Stopped),
        (Stopped, MachineExited, Stopped));
}
