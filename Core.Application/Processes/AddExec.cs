using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>Registers a further process of a running container; it runs when it is started.</summary>
public sealed record AddExec(ProcessRef Process, Stdio Stdio, ReadOnlyMemory<byte> SpecJson) : ICommand<Done>;

internal sealed class AddExecHandler(
    ContainerRegistry containers, IBundleReader bundles, IProcessStdio stdio, EventPublisher publisher,
    TimeProvider time)
    : IRequestHandler<AddExec, Done>
{
    // A logger of containerd's that has not come up by then does not; shorter than the request's own bound.
    private static readonly TimeSpan StreamsTime = TimeSpan.FromSeconds(60);

    public async Task<Done> Handle(AddExec request, CancellationToken ct)
    {
        containers.Find(request.Process.Container);
        var spec = GuestSpec.WithoutLabels(bundles.ReadProcess(request.SpecJson)) with
        {
            Terminal = request.Stdio.Terminal
        };

        // Added first, so that of two with one id only one opens the streams.
        var raised = containers.Change(request.Process.Container, c => c.AddExec(request.Process, request.Stdio));
        IStdioPipes? pipes = null;
        try
        {
            pipes = await OpenAsync(request, ct);
            containers.Attach(new LiveProcess(request.Process, pipes, spec, time));
        }
        catch
        {
            if (pipes is not null)
                await pipes.DisposeAsync();
            Forget(request.Process);
            throw;
        }

        await publisher.PublishAsync(raised);
        return Done.Value;
    }

    private async Task<IStdioPipes> OpenAsync(AddExec request, CancellationToken ct)
    {
        using var bound = new CancellationTokenSource(StreamsTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, bound.Token);
        try
        {
            return await stdio.OpenAsync(request.Process, request.Stdio, either.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new KataException(
                ErrorKind.DeadlineExceeded,
                $"the streams of {request.Process} did not open within {StreamsTime.TotalSeconds:0} s: "
                + "see whether the program of its binary:// log starts", e);
        }
    }

    private void Forget(ProcessRef process)
    {
        try
        {
            containers.Change(process.Container, c => c.Delete(process, time.GetUtcNow()));
        }
        catch (KataException)
        {
            // Its container has been deleted in the meantime, and with it the exec.
        }
    }
}
