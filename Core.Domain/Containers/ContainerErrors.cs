namespace Kata.Core.Domain.Containers;

/// <summary>Every refusal of a container or a process.</summary>
public static class ContainerErrors
{
    /// <summary>No such container here.</summary>
    public static KataException NotFound(ContainerId id) =>
        new(ErrorKind.NotFound, $"container {id} does not exist in this sandbox");

    /// <summary>No such exec here.</summary>
    public static KataException NotFound(ProcessRef process) =>
        new(ErrorKind.NotFound, $"{process} does not exist");

    /// <summary>The id is in use.</summary>
    public static KataException AlreadyExists(ContainerId id) =>
        new(ErrorKind.AlreadyExists, $"container {id} already exists in this sandbox");

    /// <summary>The exec id is in use.</summary>
    public static KataException AlreadyExists(ProcessRef process) =>
        new(ErrorKind.AlreadyExists, $"{process} already exists");

    /// <summary>The table does not hold this transition.</summary>
    public static KataException Refused(ContainerId id, ContainerState state, ContainerTrigger trigger) =>
        new(ErrorKind.FailedPrecondition, $"container {id} is {state}, which allows no {trigger}");

    /// <summary>The table does not hold this transition.</summary>
    public static KataException Refused(ProcessRef process, ProcessState state, ProcessTrigger trigger) =>
        new(ErrorKind.FailedPrecondition, $"{process} is {state}, which allows no {trigger}");

    /// <summary>An act that needs a running container.</summary>
    public static KataException NotRunning(ContainerId id, ContainerState state) =>
        new(ErrorKind.FailedPrecondition, $"container {id} is {state}, not Running");

    /// <summary>A signal to a process that has ended.</summary>
    public static KataException AlreadyFinished(ProcessRef process) =>
        new(ErrorKind.NotFound, $"{process} has already finished");

    /// <summary>A signal to an exec that was never started.</summary>
    public static KataException NotStarted(ProcessRef process) =>
        new(ErrorKind.FailedPrecondition, $"{process} has not been started");

    /// <summary>Somebody called the creation off.</summary>
    public static KataException CreationCancelled(ContainerId id) =>
        new(ErrorKind.Aborted, $"the creation of container {id} was cancelled");

    /// <summary>A single-container sandbox holds one container.</summary>
    public static KataException WrongSandbox(ContainerId id, string sandbox) =>
        new(ErrorKind.InvalidArgument, $"container {id} does not belong to sandbox {sandbox}");

    /// <summary>The root is to be that of a user namespace.</summary>
    public static KataException MappedOwners() =>
        new(
            ErrorKind.Unimplemented,
            "an idmapped root filesystem (user namespace) is not supported over virtio-fs; "
            + "use the host's users (hostUsers: true)");

    /// <summary>The container is to have ids of its own, which the files of a share do not have in the guest.</summary>
    public static KataException UserNamespace() => new(
        ErrorKind.Unimplemented,
        "user namespaces are not supported: files shared over virtio-fs keep the host's owners; "
        + "use the host's users (hostUsers: true, or --userns=host where dockerd maps them by userns-remap)");
}
