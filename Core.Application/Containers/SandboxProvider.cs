using Kata.Core.Application.Creation;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.Sandboxes.Boot;
using Kata.Core.Application.State;
using Kata.Core.Application.Volumes;

namespace Kata.Core.Application.Containers;

/// <summary>
/// Provides a container with a sandbox that is Ready, its root prepared there: the container that makes the sandbox has
/// it booted, every other joins it.
/// </summary>
internal sealed class SandboxProvider(
    LiveSandbox sandbox, RootPreparer roots, ContainerRelease release, ISender sender)
{
    /// <summary>The sandbox; what this acquires is undone by the stack.</summary>
    public async Task<SandboxHandles.Ready> ProvideAsync(ContainerCreation creation, UndoStack undo)
    {
        if (creation.MakesSandbox)
        {
            undo.Push(_ => sender.Send(new StopSandbox(), CancellationToken.None));
            await sender.Send(new StartSandbox(creation), CancellationToken.None);
            return sandbox.RequireReady();
        }

        var ready = sandbox.RequireReady();
        creation.Limits.Begin(ready.Settings);
        undo.Push(limit => release.ReleaseHostPartAsync(creation.Id, limit));
        await creation.Timeline.RunAsync("prepare", () => roots.PrepareAsync(
            creation, ready.Settings, ready.Share, ready.Ledger, creation.Limits.Token));
        return sandbox.RequireReady();
    }
}
