using System.Net.Sockets;

namespace Kata.Adapters.Vsock.Dialing;

/// <summary>
/// One try to reach the guest. A failure that another try may mend is a <see cref="NotListeningException"/>;
/// everything else is final.
/// </summary>
internal interface IGuestDialer
{
    /// <summary>A connected socket whose next byte belongs to ttRPC, in both directions.</summary>
    Task<Socket> DialOnceAsync(CancellationToken ct);
}

/// <summary>Nobody answers yet: a guest that still boots, or a VMM that has not opened its socket.</summary>
internal sealed class NotListeningException(string message, Exception? cause = null) : Exception(message, cause);
