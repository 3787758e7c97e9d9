using Kata.Core.Application.Containers.Volumes;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Processes;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Containers;

/// <summary>
/// Prepares a container, and before the first one of a sandbox its machine. Nothing remains of a failed one.
/// </summary>
public sealed record CreateContainer(
    ContainerId Id, HostPath Bundle, IReadOnlyList<MountSpec> Rootfs, Stdio Stdio, RuntimeOptions? Options)
    : ICommand<CreateContainerReply>, IUnbounded;

/// <summary>The host pid that stands for the container.</summary>
public sealed record CreateContainerReply(int Pid);

internal sealed class CreateContainerHandler(
    ShimIdentity identity,
    LiveSandbox sandbox,
    ContainerRegistry containers,
    IBundleReader bundles,
    IProcessStdio stdio,
    IRootfsMounter mounter,
    VolumePlacer placer,
    HostParts hostParts,
    IHookRunner hooks,
    ISandboxStore store,
    SandboxBoot boot,
    SandboxSizer sizer,
    SandboxStopper stopper,
    SandboxRecorder recorder,
    ContainerRelease release,
    EventPublisher publisher,
    TimeProvider time,
    ILogger<CreateContainerHandler> log) : IRequestHandler<CreateContainer, CreateContainerReply>
{
    public async Task<CreateContainerReply> Handle(CreateContainer request, CancellationToken ct)
    {
        var timeline = new PhaseTimeline(
            time, (phase, isEnd, since) => store.WritePhase(sandbox.Id, request.Id, phase, isEnd, since));
        using var limits = new BootLimits(sandbox, time, ct);
        var spec = await ReadSpecAsync(request, timeline, limits);
        var (kind, sandboxId) = ContainerAnnotations.Classify(spec.Annotations, request.Id.Value);
        if (sandboxId != identity.Sandbox)
            throw ContainerErrors.WrongSandbox(request.Id, identity.Sandbox.Value);

        if (HostParts.OfHost(spec) is { Count: > 0 } ofHost)
            BootLog.NotTheHosts(log, request.Id.Value, string.Join(", ", ofHost));
        var live = containers.Add(new Container(request.Id, kind, request.Bundle, request.Rootfs, request.Stdio));
        live.Spec = spec;
        live.Limits = spec.Linux?.Resources is { } asked ? ResourceRules.TranslateUnified(asked) : null;
        try
        {
            await using var cancelling = live.CreationCancelled.Register(limits.Cancel);
            return await CreateAsync(request, live, kind, timeline, limits);
        }
        finally
        {
            live.EndCreation();
        }
    }

    private async Task<OciSpec> ReadSpecAsync(CreateContainer request, PhaseTimeline timeline, BootLimits limits)
    {
        try
        {
            return await timeline.RunAsync("bundle", async () =>
            {
                var spec = await bundles.ReadAsync(request.Bundle, limits.Token);
                ResourceRules.Check(spec.Linux?.Resources ?? new OciResources(), Environment.ProcessorCount);
                if (request.Rootfs.Any(mount => mount.MapsOwners))
                    throw ContainerErrors.MappedOwners();
                if (spec.Linux is { HasUserNamespace: true })
                    throw ContainerErrors.UserNamespace();
                await hostParts.CheckAsync(
                    ContainerAnnotations.Classify(spec.Annotations, request.Id.Value).Kind, spec, limits.Token);
                return spec;
            });
        }
        catch (Exception e)
        {
            throw limits.Explain(e, $"creation of container {request.Id}", timeline);
        }
    }

    private async Task<CreateContainerReply> CreateAsync(
        CreateContainer request, LiveContainer live, ContainerKind kind, PhaseTimeline timeline, BootLimits limits)
    {
        var undo = new UndoStack(time, e => BootLog.NotUndone(log, e.Message));
        int pid;
        IReadOnlyList<IDomainEvent> raised;
        try
        {
            pid = await PrepareAsync(request, live.Spec!, kind, undo, timeline, limits);

            // The point of no return: what the caller is told from here on is that the container exists.
            limits.Token.ThrowIfCancellationRequested();
            raised = containers.Change(request.Id, c =>
            {
                sandbox.RequireAgent();
                c.RecordCreation(pid);
            });
        }
        catch (Exception e)
        {
            var cancelled = live.CreationCancelled.IsCancellationRequested;
            var failure = cancelled
                ? ContainerErrors.CreationCancelled(request.Id)
                : limits.Explain(e, $"creation of container {request.Id}", timeline);
            await undo.DisposeAsync();
            containers.Change(request.Id, c => c.RecordCreateFailure(cancelled));
            containers.Remove(request.Id);
            throw failure;
        }

        await recorder.SaveAsync();
        await publisher.PublishAsync(raised);
        return new CreateContainerReply(pid);
    }

    private async Task<int> PrepareAsync(
        CreateContainer request, OciSpec spec, ContainerKind kind, UndoStack undo, PhaseTimeline timeline,
        BootLimits limits)
    {
        var ct = limits.Token;
        var reference = new ProcessRef(request.Id);
        var pipes = await timeline.RunAsync("stdio", () => stdio.OpenAsync(reference, request.Stdio, ct));
        undo.Push(_ => pipes.DisposeAsync().AsTask());
        containers.Attach(new LiveProcess(reference, pipes, null, time));

        if (kind == ContainerKind.PodContainer)
        {
            sandbox.RequireAgent();
            limits.Begin(sandbox.Settings!);
            undo.Push(limit => release.ReleaseHostPartAsync(request.Id, limit));
            await timeline.RunAsync("prepare", () => MountRootfsAsync(request, spec, sandbox.Share, ct));
        }
        else
        {
            undo.Push(_ => stopper.StopAsync());
            await boot.RunAsync(
                spec, request.Options, (share, limit) => MountRootfsAsync(request, spec, share, limit), timeline,
                limits);
        }

        var agent = sandbox.RequireAgent();
        var pid = sandbox.Machine?.ProcessId ?? throw SandboxErrors.MachineGone(sandbox.Id);
        if (spec.Hooks is { } h && h.Prestart.Count + h.CreateRuntime.Count > 0)
        {
            await timeline.RunAsync("hooks", () => hooks.RunAsync(
                HookStage.CreateRuntime, [.. h.Prestart, .. h.CreateRuntime],
                new HookState(request.Id, request.Bundle, pid, "creating"), ct));
        }

        var noSeccomp = sandbox.Settings!.DisableGuestSeccomp || sandbox.Guest is { SupportsSeccomp: false };
        var volumes = await timeline.RunAsync("volumes", () => placer.PlaceAsync(request.Id, spec, request.Rootfs, ct));
        if (volumes.LeftOut.Count > 0)
            BootLog.LeftOut(log, request.Id.Value, string.Join("; ", volumes.LeftOut));
        var live = containers.Find(request.Id);
        live.MemoryMounts = [.. volumes.Storages.Where(IsMemoryMount)];
        var vcpus = CpuList.Empty;
        if (kind != ContainerKind.PodSandbox)
            vcpus = await timeline.RunAsync("size", () => sizer.ReserveAsync(request.Id, live.Limits, ct));
        var guestSpec = GuestSpec.Build(request.Id, kind, request.Bundle, spec, volumes, vcpus, noSeccomp);

        // The container that made the machine goes with it.
        if (kind == ContainerKind.PodContainer)
            undo.Push(limit => release.RemoveFromGuestAsync(request.Id, limit));
        await timeline.RunAsync("create-container", () => agent.CreateAsync(guestSpec, ct));
        return pid;
    }

    private static bool IsMemoryMount(GuestMount mount) =>
        mount is { Driver: "ephemeral", FsType: "tmpfs" }
            && !mount.Options.Any(option => option.StartsWith("size=", StringComparison.Ordinal));

    private async Task MountRootfsAsync(
        CreateContainer request, OciSpec spec, ISharedDirectory? share, CancellationToken ct)
    {
        if (await placer.IsBlockRootAsync(request.Rootfs, ct))
        {
            if (share is not null)
                await mounter.MakeMountPointAsync(
                    request.Id, share.RootfsTarget(request.Id),
                    sandbox.Ledger ?? throw SandboxErrors.MachineGone(sandbox.Id), ct);
            return;
        }

        if (share is null)
            throw new KataException(
                ErrorKind.InvalidArgument, "a container's root needs a shared filesystem, but shared_fs is \"none\"");

        var root = spec.Root?.Path is { Length: > 0 } path ? path : "rootfs";
        var source = root[0] == '/' ? HostPath.Parse(root, "root.path") : request.Bundle.Append(root);
        var described = await placer.DescribeRootAsync(source, spec, request.Rootfs, ct);
        var ledger = sandbox.Ledger ?? throw SandboxErrors.MachineGone(sandbox.Id);
        await mounter.MountAsync(request.Id, described, share.RootfsTarget(request.Id), ledger, ct);
    }
}
