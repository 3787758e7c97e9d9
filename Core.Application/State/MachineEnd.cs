using Kata.Core.Application.Ports;

namespace Kata.Core.Application.State;

/// <summary>
/// Tells a VMM's end from what follows it. The kernel closes a dying process's sockets before it tells that the process
/// is dead: the ends of the file daemon and of the connections may be noticed first, and say less.
/// </summary>
internal static class MachineEnd
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(500);

    /// <summary>True if the VMM has exited, or does within half a second.</summary>
    public static async Task<bool> IsRootCauseAsync(IVirtualMachine machine, TimeProvider time)
    {
        using var over = new CancellationTokenSource();
        await Task.WhenAny(machine.Exited, Task.Delay(Moment, time, over.Token));
        await over.CancelAsync();
        return machine.Exited.IsCompleted;
    }
}
