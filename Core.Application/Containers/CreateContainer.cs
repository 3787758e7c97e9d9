using Kata.Core.Application.Live;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.Shim;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Containers;

/// <summary>Prepares a container, and before the first one of a sandbox its machine. Nothing remains of a failed one.</summary>
public sealed record CreateContainer(ContainerId Id, HostPath Bundle, IReadOnlyList<MountSpec> Rootfs, Stdio Stdio, RuntimeOptions? Options)
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
    IHookRunner hooks,
    SandboxBoot boot,
    SandboxStopper stopper,
    SandboxRecorder recorder,
    ContainerRelease release,
    FactPublisher publisher,
    TimeProvider time) : IRequestHandler<CreateContainer, CreateContainerReply>
{
    public async Task<CreateContainerReply> Handle(CreateContainer request, CancellationToken ct)
    {
        var spec = await bundles.ReadAsync(request.Bundle, ct);
        var (kind, sandboxId) = ContainerAnnotations.Classify(spec.Annotations, request.Id.Value);
        if (sandboxId != identity.Sandbox)
            throw ContainerErrors.WrongSandbox(request.Id, identity.Sandbox.Value);

        var live = containers.Add(new Container(request.Id, kind, request.Bundle, request.Rootfs, request.Stdio));
        live.Spec = spec;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, live.CreationCancelled);
        try
        {
            return await CreateAsync(request, spec, kind, either.Token);
        }
        catch (Exception e)
        {
            var cancelled = live.CreationCancelled.IsCancellationRequested;
            containers.Change(request.Id, c => c.RecordCreateFailure(cancelled));
            containers.Remove(request.Id);
            live.EndCreation();
            if (cancelled && e is not KataException { Kind: ErrorKind.Aborted })
                throw ContainerErrors.CreationCancelled(request.Id);
            throw;
        }
        finally
        {
            live.EndCreation();
        }
    }

    private async Task<CreateContainerReply> CreateAsync(CreateContainer request, OciSpec spec, ContainerKind kind, CancellationToken ct)
    {
        await using var undo = new UndoStack(time);
        var pipes = await stdio.OpenAsync(new ProcessRef(request.Id), request.Stdio, ct);
        undo.Push(_ => pipes.DisposeAsync().AsTask());
        containers.Attach(new LiveProcess(new ProcessRef(request.Id), pipes, null, time));

        if (kind == ContainerKind.PodContainer)
        {
            sandbox.RequireAgent();
            undo.Push(limit => release.ReleaseHostPartAsync(request.Id, limit));
            await MountRootfsAsync(request, spec, sandbox.Share, ct);
        }
        else
        {
            undo.Push(_ => stopper.StopAsync());
            await boot.RunAsync(spec, request.Options, (share, limit) => MountRootfsAsync(request, spec, share, limit), ct);
        }

        var pid = sandbox.Machine!.ProcessId;
        if (spec.Hooks is { } h)
            await hooks.RunAsync(HookStage.CreateRuntime, [.. h.Prestart, .. h.CreateRuntime], new HookState(request.Id, request.Bundle, pid, "creating"), ct);

        var agent = sandbox.RequireAgent();
        var settings = sandbox.Settings!;
        var noSeccomp = settings.DisableGuestSeccomp || sandbox.Guest is { SupportsSeccomp: false };
        var guestSpec = await GuestSpec.BuildAsync(request.Id, kind, request.Bundle, spec, sandbox.Share, noSeccomp, ct);
        undo.Push(limit => release.RemoveFromGuestAsync(request.Id, limit));
        await agent.CreateAsync(guestSpec, ct);

        // The point of no return: what the caller is told from here on is that the container exists.
        ct.ThrowIfCancellationRequested();
        var facts = containers.Change(request.Id, c => c.RecordCreation(pid));
        undo.Commit();
        await recorder.SaveAsync(CancellationToken.None);
        await publisher.PublishAsync(facts);
        return new CreateContainerReply(pid);
    }

    private Task MountRootfsAsync(CreateContainer request, OciSpec spec, ISharedDirectory? share, CancellationToken ct)
    {
        if (share is null)
            throw new KataException(ErrorKind.InvalidArgument, "a container's root needs a shared filesystem, but shared_fs is \"none\"");

        var root = spec.Root?.Path is { Length: > 0 } path ? path : "rootfs";
        var source = root[0] == '/' ? HostPath.Parse(root, "root.path") : request.Bundle.Append(root);
        return mounter.MountAsync(
            request.Id, request.Rootfs, source, share.RootfsTarget(request.Id), spec.Root?.Readonly ?? false, sandbox.Ledger!, ct);
    }
}
