using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Processes;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Containerd.Runc;
using Kata.Platform.Protos.Containerd.TaskV2;
using Kata.Platform.Protos.Containerd.Types;
using Options = Kata.Platform.Protos.Containerd.RuntimeOptions.Options;

namespace Kata.Adapters.Shimv2.Tasks;

/// <summary>
/// Messages of the task service to requests, and replies to messages. Ids and paths are parsed here, at the edge.
/// </summary>
internal static class TaskMapping
{
    public static CreateContainer ToRequest(this CreateTaskRequest message)
    {
        if (message.Checkpoint.Length > 0)
            throw new KataException(ErrorKind.Unimplemented, "containers cannot be created from a checkpoint");
        return new CreateContainer(
            ContainerId.Parse(message.Id),
            HostPath.Parse(message.Bundle, "bundle"),
            [.. message.Rootfs.Select(mount => new MountSpec(mount.Type, mount.Source, mount.Target,
                [.. mount.Options]))],
            new Core.Domain.Containers.Stdio(message.Stdin, message.Stdout, message.Stderr, message.Terminal),
            ToOptions(message.Options));
    }

    public static StartProcess ToRequest(this StartRequest message) =>
        new(ProcessRef.Parse(message.Id, message.ExecId));

    public static DeleteProcess ToRequest(this DeleteRequest message) =>
        new(ProcessRef.Parse(message.Id, message.ExecId));

    public static GetProcessState ToRequest(this StateRequest message) =>
        new(ProcessRef.Parse(message.Id, message.ExecId));

    public static WaitProcess ToRequest(this WaitRequest message) => new(ProcessRef.Parse(message.Id, message.ExecId));

    public static AddExec ToRequest(this ExecProcessRequest message) => new(
        new ProcessRef(ContainerId.Parse(message.Id), ExecId.Parse(message.ExecId)),
        new Core.Domain.Containers.Stdio(message.Stdin, message.Stdout, message.Stderr, message.Terminal),
        Json(message.Spec, TypeUrl.OciProcess, "spec of the exec"));

    public static SignalProcess ToRequest(this KillRequest message) =>
        new(ProcessRef.Parse(message.Id, message.ExecId), Signal.Parse(message.Signal), message.All);

    public static ResizeTerminal ToRequest(this ResizePtyRequest message) =>
        new(ProcessRef.Parse(message.Id, message.ExecId), new TerminalSize(message.Width, message.Height));

    public static UpdateContainer ToRequest(this UpdateTaskRequest message) =>
        new(ContainerId.Parse(message.Id), Json(message.Resources, TypeUrl.OciLinuxResources, "resources"));

    public static DeleteResponse ToMessage(this DeleteProcessReply reply) => new()
    {
        Pid = (uint)reply.Pid,
        ExitStatus = (uint)reply.Exit.Code,
        ExitedAt = Timestamp.FromDateTimeOffset(reply.Exit.At),
    };

    public static WaitResponse ToMessage(this WaitProcessReply reply) => new()
    {
        ExitStatus = (uint)reply.Exit.Code,
        ExitedAt = Timestamp.FromDateTimeOffset(reply.Exit.At),
    };

    public static StateResponse ToMessage(this GetProcessStateReply reply, StateRequest asked) => new()
    {
        Id = asked.Id,
        ExecId = asked.ExecId,
        Bundle = reply.Bundle.Value,
        Pid = (uint)reply.Pid,
        Status = reply.Status switch
        {
            ProcessStatus.Created => Status.Created,
            ProcessStatus.Running => Status.Running,
            ProcessStatus.Stopped => Status.Stopped,
            ProcessStatus.Paused => Status.Paused,
            _ => Status.Unknown,
        },
        Stdin = reply.Stdio.Stdin,
        Stdout = reply.Stdio.Stdout,
        Stderr = reply.Stdio.Stderr,
        Terminal = reply.Stdio.Terminal,
        ExitStatus = (uint)(reply.Exit?.Code ?? 0),
        // Absent reads as the zero time on the other side: not exited.
        ExitedAt = reply.Exit is { } exit ? Timestamp.FromDateTimeOffset(exit.At) : null,
    };

    public static PidsResponse ToMessage(this ListProcessesReply reply)
    {
        var message = new PidsResponse();
        foreach (var process in reply.Processes)
        {
            message.Processes.Add(new ProcessInfo
            {
                Pid = (uint)process.Pid,
                Info = process.Exec is { } exec
                    ? TypeUrl.Pack("containerd.runc.v1.ProcessDetails", new ProcessDetails { ExecId = exec.Value })
                    : null,
            });
        }

        return message;
    }

    public static ConnectResponse ToMessage(this GetShimIdentityReply reply) =>
        new() { ShimPid = (uint)reply.ShimPid, TaskPid = (uint)reply.TaskPid, Version = reply.Version };

    /// <summary>
    /// The options that mean a configuration. Those for another runtime, which arrive when a handler has none, are
    /// passed over.
    /// </summary>
    public static RuntimeOptions? ToOptions(Any? any)
    {
        if (!TypeUrl.Is(any, TypeUrl.RuntimeOptions) && !TypeUrl.Is(any, TypeUrl.CriRuntimeOptions))
            return null;
        try
        {
            var options = Options.Parser.ParseFrom(any!.Value);
            return new RuntimeOptions(
                options.ConfigPath.Length > 0 ? options.ConfigPath : null,
                options.ConfigBody.IsEmpty ? null : options.ConfigBody.Memory);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new KataException(ErrorKind.InvalidArgument, "the runtime options do not parse", e);
        }
    }

    private static ReadOnlyMemory<byte> Json(Any? any, string type, string what) => TypeUrl.Is(any, type)
        ? any!.Value.Memory
        : throw new KataException(
            ErrorKind.InvalidArgument, $"the {what} must be of type {type}, not \"{any?.TypeUrl}\"");
}
