using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>The sentences of the protocol, and what an exception becomes on the wire.</summary>
internal static class TtrpcStatus
{
    public const string EvenStreamId = "StreamID must be odd for client initiated streams";
    public const string ReusedStreamId = "StreamID cannot be re-used and must increment";
    public const string InactiveStream = "StreamID is no longer active";
    public const string DataWithClose = "data close message cannot include data";
    public const string DeadlineExceeded = "context deadline exceeded";
    public const string Canceled = "context canceled";

    public static Status BadPayload(Exception e) =>
        new(StatusCode.Internal, $"ttrpc: error unmarshalling payload: {e.Message}");

    /// <summary>
    /// The status of an exception a handler ended with. <paramref name="isBug"/>: it said nothing about status,
    /// somebody should know.
    /// </summary>
    public static Status Of(Exception e, bool deadlinePassed, out bool isBug)
    {
        isBug = false;
        switch (e)
        {
            case RpcException rpc when rpc.StatusCode != StatusCode.OK:
                return rpc.Status;
            case OperationCanceledException:
                return deadlinePassed
                    ? new Status(StatusCode.DeadlineExceeded, DeadlineExceeded)
                    : new Status(StatusCode.Cancelled, Canceled);
            case MessageTooLargeException:
                return new Status(StatusCode.ResourceExhausted, e.Message);
            default:
                isBug = true;
                return new Status(StatusCode.Unknown, e.Message);
        }
    }
}
