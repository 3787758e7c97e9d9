using System.Net.Sockets;

namespace Kata.Platform.Ttrpc;

/// <summary>How a <see cref="TtrpcServer"/> serves.</summary>
public sealed record TtrpcServerOptions
{
    /// <summary>How connections are read.</summary>
    public ReaderKind Reader { get; init; } = ReaderKind.Async;

    /// <summary>Asked for every accepted socket before anything is read; false closes it. Null accepts all.</summary>
    public Func<Socket, bool>? AcceptPeer { get; init; }

    /// <summary>
    /// Asked once per (service, method): true lets the connection's reader run the handler up to its first await, which
    /// saves a thread switch. Only for handlers that never block: until it returns, nothing else of the connection is
    /// read.
    /// </summary>
    public Func<string, string, bool>? RunInline { get; init; }

    /// <summary>
    /// Told of exceptions without a status, with the full method name; the caller only sees code Unknown and the
    /// message.
    /// </summary>
    public Action<string, Exception>? OnHandlerError { get; init; }

    /// <summary>Told why each connection ended.</summary>
    public Action<TtrpcException>? OnConnectionClosed { get; init; }

    /// <summary>Handlers one connection may have running.</summary>
    public int MaxCallsInFlight { get; init; } = TtrpcLimits.MaxCallsInFlight;

    /// <summary>
    /// Asked once per (service, method): true for the few calls that must be taken although the others are too many, up
    /// to <see cref="TtrpcLimits.MaxUrgentCalls"/> beyond them.
    /// </summary>
    public Func<string, string, bool>? IsUrgent { get; init; }

    /// <summary>Unsent bytes after which a connection is closed.</summary>
    public int MaxUnsent { get; init; } = TtrpcLimits.MaxUnsent;

    /// <summary>Largest data of a frame, in both directions.</summary>
    public int MaxMessage { get; init; } = TtrpcLimits.MaxMessage;

    /// <summary>The clock of deadlines.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
