using Kata.Core.Application.Creation;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Containers;

/// <summary>
/// Makes a container in a guest that is Ready: hooks of the host, volumes, room in the machine, and then the agent's
/// part.
/// </summary>
internal sealed class GuestContainerMaker(
    IHookRunner hooks, VolumePlacer placer, SandboxSizer sizer, ContainerRelease release,
    ILogger<GuestContainerMaker> log)
{
    /// <summary>Makes it; what this acquires is undone by the stack.</summary>
    public async Task MakeAsync(
        SandboxHandles.Ready sandbox, LiveContainer live, ContainerCreation creation, UndoStack undo)
    {
        var (timeline, ct) = (creation.Timeline, creation.Limits.Token);
        await RunHooksAsync(sandbox, creation, ct);
        var volumes = await timeline.RunAsync("volumes", () => placer.PlaceAsync(sandbox, creation, ct));
        if (volumes.LeftOut.Count > 0)
            BootLog.LeftOut(log, creation.Id.Value, string.Join("; ", volumes.LeftOut));
        live.MemoryMounts = [.. volumes.Storages.Where(GrowsWithMachine)];
        var vcpus = creation.Kind == ContainerKind.PodSandbox
            ? CpuList.Empty
            : await timeline.RunAsync("size", () => sizer.ReserveAsync(sandbox, creation.Id, live.Limits, ct));
        var noSeccomp = sandbox.Settings.DisableGuestSeccomp || !sandbox.Guest.SupportsSeccomp;
        var spec = GuestSpec.Build(
            creation.Id, creation.Kind, creation.Bundle, creation.Spec, volumes, vcpus, noSeccomp);

        // The container that made the machine goes with it.
        if (!creation.MakesSandbox)
            undo.Push(limit => release.RemoveFromGuestAsync(creation.Id, limit));
        await timeline.RunAsync("create-container", () => sandbox.Agent.CreateAsync(spec, ct));
    }

    private async Task RunHooksAsync(SandboxHandles.Ready sandbox, ContainerCreation creation, CancellationToken ct)
    {
        if (creation.Spec.Hooks is not { } wanted || wanted.Prestart.Count + wanted.CreateRuntime.Count == 0)
            return;
        await creation.Timeline.RunAsync("hooks", () => hooks.RunAsync(
            HookStage.CreateRuntime, [.. wanted.Prestart, .. wanted.CreateRuntime],
            new HookState(creation.Id, creation.Bundle, sandbox.Vm.ProcessId, "creating"), ct));
    }

    private static bool GrowsWithMachine(GuestMount mount) =>
        mount is { Driver: "ephemeral", FsType: "tmpfs" }
            && !mount.Options.Any(option => option.StartsWith("size=", StringComparison.Ordinal));
}
