using Kata.Core.Application.Creation;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using MediatR;

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
    CreationFactory factory,
    BundleCheck bundle,
    ContainerRegistry containers,
    IProcessStdio stdio,
    SandboxProvider sandboxes,
    GuestContainerMaker maker,
    LiveSandbox sandbox,
    EventPublisher publisher) : IRequestHandler<CreateContainer, CreateContainerReply>
{
    public async Task<CreateContainerReply> Handle(CreateContainer request, CancellationToken ct)
    {
        using var limits = factory.CreateLimits(ct);
        var creation = new ContainerCreation(
            request.Id, request.Bundle, request.Rootfs, request.Options, factory.CreateTimeline(request.Id), limits);
        await bundle.ReadAsync(creation);

        var live = containers.Add(
            new Container(request.Id, creation.Kind, request.Bundle, request.Rootfs, request.Stdio));
        live.Spec = creation.Spec;
        live.Limits = creation.Spec.Linux?.Resources is { } asked ? ResourceRules.TranslateUnified(asked) : null;
        try
        {
            await using var cancelling = live.CreationCancelled.Register(limits.Cancel);
            return await CreateAsync(request, live, creation);
        }
        finally
        {
            live.EndCreation();
        }
    }

    private async Task<CreateContainerReply> CreateAsync(
        CreateContainer request, LiveContainer live, ContainerCreation creation)
    {
        var undo = factory.CreateUndo();
        int pid;
        IReadOnlyList<IDomainEvent> raised;
        try
        {
            pid = await PrepareAsync(request, live, creation, undo);

            // The point of no return: what the caller is told from here on is that the container exists.
            creation.Limits.Token.ThrowIfCancellationRequested();
            raised = containers.Change(request.Id, c =>
            {
                sandbox.RequireReady();
                c.RecordCreation(pid);
            });
        }
        catch (Exception e)
        {
            var cancelled = live.CreationCancelled.IsCancellationRequested;
            var failure = cancelled ? ContainerErrors.CreationCancelled(request.Id) : creation.Explain(e);
            await undo.DisposeAsync();
            containers.Change(request.Id, c => c.RecordCreateFailure(cancelled));
            containers.Remove(request.Id);
            throw failure;
        }

        await publisher.PublishAsync(raised);
        return new CreateContainerReply(pid);
    }

    /// <summary>Everything up to the container in the guest; answers the pid that stands for it.</summary>
    private async Task<int> PrepareAsync(
        CreateContainer request, LiveContainer live, ContainerCreation creation, UndoStack undo)
    {
        var reference = new ProcessRef(request.Id);
        var pipes = await creation.Timeline.RunAsync(
            "stdio", () => stdio.OpenAsync(reference, request.Stdio, creation.Limits.Token));
        undo.Push(_ => pipes.DisposeAsync().AsTask());
        containers.Attach(factory.CreateInit(reference, pipes));

        var ready = await sandboxes.ProvideAsync(creation, undo);
        await maker.MakeAsync(ready, live, creation, undo);
        return ready.Vm.ProcessId;
    }
}
