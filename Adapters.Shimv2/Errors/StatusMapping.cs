using System.Collections.Frozen;
using Grpc.Core;
using Kata.Core.Domain;

namespace Kata.Adapters.Shimv2.Errors;

/// <summary>
/// From a kind of failure to its status on the wire: the only place. What is no failure of ours is left as it is: a
/// bug, code Unknown.
/// </summary>
internal static class StatusMapping
{
    /// <summary>The table.</summary>
    public static readonly FrozenDictionary<ErrorKind, StatusCode> Table = new Dictionary<ErrorKind, StatusCode>
    {
        [ErrorKind.InvalidArgument] = StatusCode.InvalidArgument,
        [ErrorKind.NotFound] = StatusCode.NotFound,
        [ErrorKind.AlreadyExists] = StatusCode.AlreadyExists,
        [ErrorKind.PermissionDenied] = StatusCode.PermissionDenied,
        [ErrorKind.ResourceExhausted] = StatusCode.ResourceExhausted,
        [ErrorKind.FailedPrecondition] = StatusCode.FailedPrecondition,
        [ErrorKind.Aborted] = StatusCode.Aborted,
        [ErrorKind.Unimplemented] = StatusCode.Unimplemented,
        [ErrorKind.Internal] = StatusCode.Internal,
        [ErrorKind.Unavailable] = StatusCode.Unavailable,
        [ErrorKind.DeadlineExceeded] = StatusCode.DeadlineExceeded,
    }.ToFrozenDictionary();

    /// <summary>The failure as a call answers it.</summary>
    public static RpcException ToRpc(KataException failure) =>
        new(new Status(Table[failure.Kind], failure.Message), failure.Message);
}
