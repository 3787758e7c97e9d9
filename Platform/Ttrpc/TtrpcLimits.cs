namespace Kata.Platform.Ttrpc;

/// <summary>The bounds of one connection. The defaults are the protocol's, or what one peer may make us hold.</summary>
public static class TtrpcLimits
{
    /// <summary>Largest data of one frame, header excluded; exactly this much is still allowed.</summary>
    public const int MaxMessage = 4 * 1024 * 1024;

    /// <summary>Handlers one connection may have running; the next call is answered ResourceExhausted.</summary>
    public const int MaxCallsInFlight = 1024;

    /// <summary>Handlers of urgent calls that one connection may have running beyond all others.</summary>
    public const int MaxUrgentCalls = 64;

    /// <summary>Bytes a peer may leave unread before the connection is closed.</summary>
    public const int MaxUnsent = 8 * 1024 * 1024;

    /// <summary>Messages of a stream its handler may leave unread for longer than <see cref="StreamGrace"/>.</summary>
    public const int MaxUnreadMessages = 64;

    /// <summary>Bytes of a stream that may wait for its reader, whatever their number.</summary>
    public const int MaxUnreadBytes = 4 * MaxMessage;

    /// <summary>How long a stream's receive queue may stay over its limit.</summary>
    public static readonly TimeSpan StreamGrace = TimeSpan.FromSeconds(1);

    // A stream's writer waits here, so that several fast streams do not close their own connection.
    internal const int PacedUnsent = MaxMessage;

    internal const int InitialBuffer = 4096;
}
