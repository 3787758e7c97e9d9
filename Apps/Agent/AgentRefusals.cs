using Grpc.Core;

namespace Kata.Apps.Agent;

/// <summary>
/// The refusals that hosts know. Status codes are the contract; of the texts, hosts match the words
/// "InvalidContainerId", "not found" forms and "ESRCH: No such process", so these words stay.
/// </summary>
internal static class AgentRefusals
{
    public static RpcException InvalidContainerName(string id) =>
        Make(
            StatusCode.InvalidArgument,
            $"Invalid container id '{Shorten(id)}': "
            + "the first character a letter or digit, the rest also '.', '-' or '_', "
            + "and not 'shared' or 'sandbox'");

    /// <summary>A process call that names a container which is not there.</summary>
    public static RpcException UnknownContainer() => Make(StatusCode.InvalidArgument, "InvalidContainerId");

    /// <summary>A container call that names one which is not there; hosts get it with two different codes.</summary>
    public static RpcException NoContainer(StatusCode code, string id) =>
        Make(code, $"Invalid container id {Shorten(id)}");

    public static RpcException ContainerExists(string id) =>
        Make(StatusCode.Internal, $"container {Shorten(id)} exists already");

    public static RpcException NoInit() => Make(StatusCode.NotFound, "InitProcessNotFound");

    public static RpcException NoExec() => Make(StatusCode.NotFound, "InvalidExecId");

    public static RpcException ExecExists(string id) =>
        Make(StatusCode.Internal, $"exec_id '{Shorten(id)}' already exists");

    public static RpcException NoTerminal() => Make(StatusCode.Unavailable, "no tty");

    public static RpcException NoWriter() => Make(StatusCode.Internal, "Cannot get writer: standard input is closed");

    public static RpcException WrongState(string verb, string id, object state) =>
        Make(StatusCode.Internal, $"failed to {verb} container {Shorten(id)}: current status is: {state}");

    public static RpcException Missing(string what) => Make(StatusCode.InvalidArgument, $"the request has no {what}");

    public static RpcException Invalid(string sentence) => Make(StatusCode.InvalidArgument, sentence);

    public static RpcException Internal(string sentence) => Make(StatusCode.Internal, sentence);

    public static RpcException Unimplemented(string sentence) => Make(StatusCode.Unimplemented, sentence);

    private static RpcException Make(StatusCode code, string message) => new(new Status(code, message));

    private static string Shorten(string id) => id.Length <= 128 ? id : id[..128] + "…";
}
