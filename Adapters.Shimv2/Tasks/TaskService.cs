using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Processes;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Platform.Protos.Containerd.TaskV2;
using TaskBase = Kata.Platform.Protos.Containerd.TaskV2.Task.TaskBase;

namespace Kata.Adapters.Shimv2.Tasks;

/// <summary>containerd's task service, one line per RPC; served under its v2 and its v3 name.</summary>
internal sealed class TaskService(ISender sender, CrioCompatibility crio) : TaskBase
{
    /// <summary>Its name of version 2.</summary>
    public const string V2 = "containerd.task.v2.Task";

    /// <summary>Its name of version 3, with the same methods and messages.</summary>
    public const string V3 = "containerd.task.v3.Task";

    private static readonly Empty Nothing = new();

    public override async Task<CreateTaskResponse> Create(CreateTaskRequest request, ServerCallContext context) =>
        new() { Pid = (uint)(await sender.Send(request.ToRequest(), context.CancellationToken)).Pid };

    public override async Task<StartResponse> Start(StartRequest request, ServerCallContext context) =>
        new() { Pid = (uint)(await sender.Send(request.ToRequest(), context.CancellationToken)).Pid };

    public override Task<DeleteResponse> Delete(DeleteRequest request, ServerCallContext context) =>
        crio.DeleteAsync(async () => (await sender.Send(request.ToRequest(), context.CancellationToken)).ToMessage());

    public override async Task<Empty> Exec(ExecProcessRequest request, ServerCallContext context) =>
        After(await sender.Send(request.ToRequest(), context.CancellationToken));

    public override async Task<Empty> Kill(KillRequest request, ServerCallContext context) => request.Signal == 0
        ? After(await ProbeAsync(request, context.CancellationToken))
        : After(
            await crio.SignalAsync(
                request.Signal, () => sender.Send(request.ToRequest(), context.CancellationToken)));

    public override async Task<Empty> Pause(PauseRequest request, ServerCallContext context) =>
        After(await sender.Send(new PauseContainer(ContainerId.Parse(request.Id)), context.CancellationToken));

    public override async Task<Empty> Resume(ResumeRequest request, ServerCallContext context) =>
        After(await sender.Send(new ResumeContainer(ContainerId.Parse(request.Id)), context.CancellationToken));

    public override async Task<Empty> Update(UpdateTaskRequest request, ServerCallContext context) =>
        After(await sender.Send(request.ToRequest(), context.CancellationToken));

    public override async Task<Empty> ResizePty(ResizePtyRequest request, ServerCallContext context) =>
        After(await sender.Send(request.ToRequest(), context.CancellationToken));

    public override async Task<Empty> CloseIO(CloseIORequest request, ServerCallContext context) => request.Stdin
        ? After(
            await sender.Send(new CloseStdin(ProcessRef.Parse(request.Id, request.ExecId)), context.CancellationToken))
        : Nothing;

    public override async Task<StateResponse> State(StateRequest request, ServerCallContext context) =>
        (await sender.Send(request.ToRequest(), context.CancellationToken)).ToMessage(request);

    public override async Task<WaitResponse> Wait(WaitRequest request, ServerCallContext context) =>
        (await sender.Send(request.ToRequest(), context.CancellationToken)).ToMessage();

    public override async Task<PidsResponse> Pids(PidsRequest request, ServerCallContext context) =>
        (await sender.Send(new ListProcesses(ContainerId.Parse(request.Id)), context.CancellationToken)).ToMessage();

    public override async Task<StatsResponse> Stats(StatsRequest request, ServerCallContext context) =>
        new()
        {
            Stats = StatsMapping.ToAny(
                await sender.Send(new GetContainerStats(ContainerId.Parse(request.Id)), context.CancellationToken))
        };

    public override async Task<ConnectResponse> Connect(ConnectRequest request, ServerCallContext context) =>
        (await sender.Send(new GetShimIdentity(ContainerId.ParseOrNull(request.Id)), context.CancellationToken))
            .ToMessage();

    public override async Task<Empty> Shutdown(ShutdownRequest request, ServerCallContext context) =>
        After(await sender.Send(new ShutDownShim(request.Now), context.CancellationToken));

    public override Task<Empty> Checkpoint(CheckpointTaskRequest request, ServerCallContext context) =>
        throw new KataException(ErrorKind.Unimplemented, "containers cannot be checkpointed");

    /// <summary>Signal 0 asks whether the process lives; it is not sent.</summary>
    private async Task<object> ProbeAsync(KillRequest request, CancellationToken ct)
    {
        var process = ProcessRef.Parse(request.Id, request.ExecId);
        var state = await sender.Send(new GetProcessState(process), ct);
        return state.Status == ProcessStatus.Stopped ? throw ContainerErrors.AlreadyFinished(process) : state;
    }

    private static Empty After(object done)
    {
        _ = done;
        return Nothing;
    }
}
