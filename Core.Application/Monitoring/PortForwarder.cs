using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Monitoring;

/// <summary>
/// Carries what is dialled to localhost in a pod's namespace to the same port of the guest's localhost. Costs a few
/// descriptors while nobody dials.
/// </summary>
internal sealed class PortForwarder(
    LiveSandbox sandbox, ILocalPorts ports, TimeProvider time, ILogger<PortForwarder> log)
    : INotificationHandler<SandboxStarted>
{
    private const int MaxConnections = 128;

    // Whoever dials meanwhile waits in the listener's queue, and does not wait long.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private int _open;

    /// <summary>Begins; ends with the sandbox. A host that cannot is told of, and the pod does without.</summary>
    public async Task Handle(SandboxStarted domainEvent, CancellationToken ct)
    {
        // A namespace that nobody but us knows has no callers.
        if (sandbox.Handles is not SandboxHandles.Ready { HasPodNetwork: true } ready)
            return;
        ILocalPortListener listener;
        try
        {
            listener = await ports.ListenAsync(ready.Links.Namespace, CancellationToken.None);
        }
        catch (KataException e)
        {
            ForwardLog.Unavailable(log, e.Message);
            return;
        }

        sandbox.Hold(ReleaseOrder.PortForwarding, (_, _) => listener.DisposeAsync().AsTask());
        _ = AcceptAsync(listener, ready.Agent);
    }

    // Descriptors and memory that are short now will not be so for ever, and connections are led here all the while.
    private async Task AcceptAsync(ILocalPortListener listener, IGuestAgent agent)
    {
        var isShort = false;
        while (true)
        {
            try
            {
                while (await listener.AcceptAsync(CancellationToken.None) is { } connection)
                {
                    isShort = false;
                    _ = RelayAsync(connection, agent);
                }
                return;
            }
            catch (KataException e)
            {
                if (!isShort)
                    ForwardLog.NotAccepted(log, e.Message);
                isShort = true;
            }

            await Task.Delay(Pause, time);
        }
    }

    private async Task RelayAsync(ILocalConnection connection, IGuestAgent agent)
    {
        await using (connection)
        {
            try
            {
                if (Interlocked.Increment(ref _open) > MaxConnections)
                    throw new KataException(
                        ErrorKind.ResourceExhausted, $"too many port-forward connections, {MaxConnections} are open");
                await agent.RelayPortAsync(connection.Port, connection, CancellationToken.None);
            }
            catch (Exception e) when (e is KataException or IOException or OperationCanceledException)
            {
                ForwardLog.Ended(log, connection.Port, e.Message);
                connection.Reset();
            }
            finally
            {
                Interlocked.Decrement(ref _open);
            }
        }
    }
}

/// <summary>Event ids 1180 to 1185.</summary>
internal static partial class ForwardLog
{
    [LoggerMessage(1180, LogLevel.Information, "no port-forward to the guest: {Reason}")]
    public static partial void Unavailable(ILogger log, string reason);

    [LoggerMessage(1182, LogLevel.Warning, "cannot accept a port-forward connection yet, retrying: {Reason}")]
    public static partial void NotAccepted(ILogger log, string reason);

    [LoggerMessage(1181, LogLevel.Information, "port-forward connection to port {Port} of the guest ended: {Reason}")]
    public static partial void Ended(ILogger log, int port, string reason);
}
