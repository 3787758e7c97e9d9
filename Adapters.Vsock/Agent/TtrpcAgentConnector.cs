using System.Net.Sockets;
using Kata.Adapters.Vsock.Dialing;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Ttrpc;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>
/// Dials the guest by whichever channel the machine has, and lets the agent answer a health check first.
/// </summary>
internal sealed class TtrpcAgentConnector(TimeProvider time) : IGuestAgentConnector
{
    // Above what is read of an output at once, and of anything else that an honest agent answers. Parsed, a message of
    // many small parts is fifty times as large as on the wire.
    internal const int MaxReply = 256 * 1024;

    private readonly DialResilience _resilience = new(time);

    public async Task<IGuestAgent> ConnectAsync(GuestEndpoint endpoint, CancellationToken ct)
    {
        var dialer = DialerOf(endpoint);
        return await _resilience.UntilAnsweredAsync(token => ConnectOnceAsync(dialer, token), endpoint, ct);
    }

    private IGuestDialer DialerOf(GuestEndpoint endpoint) => endpoint switch
    {
        VsockEndpoint vsock => new VsockDialer(vsock),
        HybridVsockEndpoint hybrid => new HybridVsockDialer(hybrid),
        SerialEndpoint serial => new SerialDialer(serial, time),
        _ => throw new KataException(ErrorKind.InvalidArgument, $"there is no way to dial {endpoint}"),
    };

    /// <summary>
    /// A connection can be taken by the VMM and closed again before the agent sees it, so the check belongs to the try.
    /// </summary>
    private async Task<IGuestAgent> ConnectOnceAsync(IGuestDialer dialer, CancellationToken ct) =>
        await AnsweredAsync(Open(await _resilience.BoundedAsync(dialer.DialOnceAsync, ct)), ct);

    /// <summary>The agent once it has answered a health check; else it is closed.</summary>
    /// <exception cref="NotListeningException">It does not serve yet.</exception>
    internal static async Task<IGuestAgent> AnsweredAsync(TtrpcAgent agent, CancellationToken ct)
    {
        try
        {
            await agent.CheckAsync(ct);
            return agent;
        }
        catch (KataException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.DeadlineExceeded)
        {
            await agent.DisposeAsync();
            throw new NotListeningException(e.Message, e);
        }
        catch
        {
            await agent.DisposeAsync();
            throw;
        }
    }

    private TtrpcAgent Open(Socket socket) => Open(new TtrpcClient(socket, OptionsFor(time)), time);

    /// <summary>How every connection to a guest is read, whatever carries it.</summary>
    internal static TtrpcClientOptions OptionsFor(TimeProvider time) => new() { Time = time, MaxReply = MaxReply };

    /// <summary>The agent behind a connection that was made with <see cref="OptionsFor"/>.</summary>
    internal static TtrpcAgent Open(TtrpcClient client, TimeProvider time) =>
        new(new KnownFields(client), ReasonAsync(client), client, time);

    private static async Task<string> ReasonAsync(TtrpcClient client)
    {
        try
        {
            await client.Closed;
            return "this side closed it";
        }
        catch (TtrpcException e)
        {
            return e.Message;
        }
    }
}
