using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;

namespace Kata.Core.Application.Containers;

/// <summary>Calls off a creation that is under way, and waits for its undo, not for the boot.</summary>
internal sealed class CreationCanceller(ContainerRegistry containers)
{
    /// <summary>True if the container was being created and is now gone.</summary>
    public async Task<bool> TryCancelAsync(ContainerId id, CancellationToken ct)
    {
        var live = containers.Find(id);
        if (containers.Read(id, c => c.State) != ContainerState.Creating)
            return false;
        live.CancelCreation();
        await live.CreationEnded.WaitAsync(ct);

        // The creation may have passed its point of no return in the same moment.
        return live.Aggregate.State == ContainerState.Deleted;
    }
}
