namespace Kata.Platform.Ttrpc;

/// <summary>How a <see cref="TtrpcClient"/> works.</summary>
public sealed record TtrpcClientOptions
{
    /// <summary>How the connection is read.</summary>
    public ReaderKind Reader { get; init; } = ReaderKind.Async;

    /// <summary>
    /// Largest data of a frame taken from the peer, at most <see cref="TtrpcLimits.MaxMessage"/>. A larger one is read
    /// past without being kept and fails its call with ResourceExhausted.
    /// </summary>
    public int MaxReply { get; init; } = TtrpcLimits.MaxMessage;

    /// <summary>The clock of deadlines.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
