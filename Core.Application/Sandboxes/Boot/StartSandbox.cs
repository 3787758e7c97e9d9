using Kata.Core.Application.Creation;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>
/// Boots the sandbox for its first container, whose time limits hold. A failure leaves it Broken; what has been
/// acquired by then is in the ledger and in its handles, and <see cref="StopSandbox"/> gives it back.
/// </summary>
internal sealed record StartSandbox(ContainerCreation Creation) : ICommand<Done>, IUnbounded;

internal sealed class StartSandboxHandler(
    LiveSandbox sandbox, BootPlan plan, EventPublisher publisher, TimeProvider time, ILogger<StartSandboxHandler> log)
    : IRequestHandler<StartSandbox, Done>
{
    public async Task<Done> Handle(StartSandbox request, CancellationToken ct)
    {
        var (timeline, limits) = (request.Creation.Timeline, request.Creation.Limits);
        var begin = time.GetTimestamp();
        sandbox.BeginBoot();
        try
        {
            var boot = new BootContext(sandbox, request.Creation);
            await plan.RunAsync(boot);
            limits.RecordAnswer();
            limits.Token.ThrowIfCancellationRequested();
            await publisher.PublishAsync(sandbox.MakeReady(boot.ToReady()));
        }
        catch (Exception e)
        {
            var failure = limits.Explain(e, "sandbox start", timeline);
            BootLog.Failed(log, failure.Message);
            await publisher.PublishAsync(sandbox.Change(s => s.RecordBootFailure()));
            throw failure;
        }
        finally
        {
            sandbox.EndBoot();
        }

        BootLog.Ready(log, sandbox.Id, time.GetElapsedTime(begin).TotalMilliseconds,
            string.Join(", ", timeline.Phases.Select(p => $"{p.Name} {p.Elapsed.TotalMilliseconds:0} ms")));
        return Done.Value;
    }
}
