using System.Diagnostics.CodeAnalysis;
using Grpc.Core;
using Kata.Core.Domain;
using Kata.Platform.Linux.Supervision;
using Kata.Platform.Ttrpc;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>
/// From the agent's status to a kind: by its code, and by text where upstream's agent has no code for it. The guest's
/// sentence passes cleaned and cut to a length.
/// </summary>
internal static class AgentErrors
{
    // Upstream's agent can append a stack backtrace to its sentence.
    private const int MaxSentence = 4096;

    // The texts that must be read: sentences without regard to case, names of kernel errors with it.
    private static readonly string[] UnknownContainer = ["InvalidContainerId", "invalid container id"];
    private static readonly string[] UnknownProcess = ["no such process", "process not found", "init process not found",
        "cannot find init process"];
    private static readonly string[] WrongState = ["failed to pause container: current status is", "not paused"];
    private static readonly string[] NoTerminal = ["no tty"];
    private static readonly string[] NotBuiltIn = ["is not supported"];
    private static readonly string[] UnknownLink = ["Link not found"];
    private static readonly string[] ClosedStream = ["cannot get stream reader", "cannot get writer"];

    /// <summary>The failure of a call as the core knows it.</summary>
    /// <param name="failure">What the call ended with.</param>
    /// <param name="request">The request's name.</param>
    /// <param name="limit">Its deadline, if it had one.</param>
    /// <param name="program">Of a request that makes a process, the first word of its command.</param>
    public static KataException Translate(RpcException failure, string request, TimeSpan? limit, string? program = null)
    {
        if (IsLostConnection(failure, out var reason))
            return new KataException(
                ErrorKind.Unavailable, $"the connection to the guest agent was lost during {request}: {reason}",
                failure);

        var kind = KindOf(failure.StatusCode, failure.Status.Detail, request);
        // A container that is being made can have no unknown name, only one that the agent does not take.
        if (kind == ErrorKind.NotFound && request == "CreateContainer" && Has(failure.Status.Detail, UnknownContainer))
            kind = ErrorKind.InvalidArgument;
        if (kind == ErrorKind.DeadlineExceeded && limit is { } time)
            return new KataException(
                kind, $"the guest agent did not answer {request} within {time.TotalSeconds:0} s", failure);

        var sentence = UntrustedText.Clean(failure.Status.Detail, MaxSentence);
        var known = program is null ? "" : ManagerTexts.Of(sentence, program);
        return new KataException(kind, $"the guest agent refused {request}: {known}{sentence}", failure);
    }

    /// <summary>
    /// A stream that has nothing more to give, in the words of an agent that does not say it by an empty answer.
    /// </summary>
    public static bool IsEndOfStream(RpcException failure) => failure.StatusCode switch
    {
        StatusCode.NotFound => true,
        StatusCode.Internal =>
            Has(failure.Status.Detail, ClosedStream) || Has(failure.Status.Detail, UnknownProcess)
                || Names(failure.Status.Detail, "EIO"),
        _ => false,
    };

    /// <summary>An input that is already closed.</summary>
    public static bool IsClosedInput(RpcException failure) => IsEndOfStream(failure);

    private static bool IsLostConnection(RpcException failure, [NotNullWhen(true)] out string? reason)
    {
        reason = (failure.Status.DebugException as TtrpcException)?.Message;
        return reason is not null;
    }

    internal static ErrorKind KindOf(StatusCode code, string text, string request) => code switch
    {
        StatusCode.InvalidArgument or StatusCode.OutOfRange =>
            Has(text, UnknownContainer) ? ErrorKind.NotFound : ErrorKind.InvalidArgument,
        StatusCode.NotFound => Has(text, NotBuiltIn) ? ErrorKind.Unimplemented : ErrorKind.NotFound,
        StatusCode.AlreadyExists => ErrorKind.AlreadyExists,
        StatusCode.PermissionDenied or StatusCode.Unauthenticated => ErrorKind.PermissionDenied,
        StatusCode.ResourceExhausted => ErrorKind.ResourceExhausted,
        StatusCode.FailedPrecondition => ErrorKind.FailedPrecondition,
        StatusCode.Aborted => ErrorKind.Aborted,
        StatusCode.DeadlineExceeded => ErrorKind.DeadlineExceeded,
        StatusCode.Unavailable => Has(text, NoTerminal) ? ErrorKind.FailedPrecondition : ErrorKind.Unavailable,
        // From a creation the daemon would read it as "speaks only the older task service".
        StatusCode.Unimplemented =>
            request.StartsWith("Create", StringComparison.Ordinal) ? ErrorKind.Internal : ErrorKind.Unimplemented,
        _ => FromText(text),
    };

    private static ErrorKind FromText(string text)
    {
        if (Has(text, UnknownContainer) || Has(text, UnknownProcess) || Has(text, UnknownLink) || Names(text, "ESRCH"))
            return ErrorKind.NotFound;
        if (Has(text, WrongState))
            return ErrorKind.FailedPrecondition;
        return Names(text, "ETIME") ? ErrorKind.DeadlineExceeded : ErrorKind.Internal;
    }

    private static bool Names(string text, string errno) => text.Contains(errno, StringComparison.Ordinal);

    private static bool Has(string text, string[] parts)
    {
        foreach (var part in parts)
        {
            if (text.Contains(part, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }
}
