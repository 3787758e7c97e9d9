using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Platform.Protos.Agent;
using Status = Grpc.Core.Status;

namespace Kata.Tests.Scripted;

/// <summary>The wire side of a <see cref="ScriptedAgent"/>; its refusals have upstream's codes and words.</summary>
internal sealed class ScriptedAgentService(ScriptedAgent agent) : AgentService.AgentServiceBase
{
    private static readonly Empty Done = new();

    public override Task<Empty> CreateSandbox(CreateSandboxRequest request, ServerCallContext context) =>
        DoneAsync("CreateSandbox", request);

    public override Task<Empty> DestroySandbox(DestroySandboxRequest request, ServerCallContext context) =>
        DoneAsync("DestroySandbox", request);

    public override Task<Empty> OnlineCPUMem(OnlineCPUMemRequest request, ServerCallContext context) =>
        DoneAsync("OnlineCPUMem", request);

    public override Task<Empty> UpdateEphemeralMounts(UpdateEphemeralMountsRequest request,
        ServerCallContext context) => DoneAsync("UpdateEphemeralMounts", request);

    public override async Task<GuestDetailsResponse> GetGuestDetails(
        GuestDetailsRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("GetGuestDetails", request);
        return new GuestDetailsResponse
        {
            MemBlockSizeBytes = request.MemBlockSize ? 128UL << 20 : 0,
            SupportMemHotplugProbe = false,
            AgentDetails = new AgentDetails
            {
                Version = agent.Version,
                InitDaemon = true,
                SupportsSeccomp = true,
                StorageHandlers = { "virtio-fs", "ephemeral" }
            },
        };
    }

    public override async Task<OOMEvent> GetOOMEvent(GetOOMEventRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("GetOOMEvent", request);
        return new OOMEvent { ContainerId = await agent.OutOfMemory.Reader.ReadAsync(context.CancellationToken) };
    }

    public override async Task<Empty> CreateContainer(CreateContainerRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("CreateContainer", request);
        if (request.OCI is null)
            throw Refuse(StatusCode.Internal, "EINVAL");
        if (agent.Knows(request.ContainerId))
            throw Refuse(StatusCode.Internal, "\"container already exists\"");
        agent.AddContainer(request.ContainerId, request.OCI.Process?.Terminal ?? false);
        return Done;
    }

    public override async Task<Empty> StartContainer(StartContainerRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("StartContainer", request);
        RequireContainer(request.ContainerId, StatusCode.Internal, "\"Invalid container id\"");
        return Done;
    }

    public override async Task<Empty> RemoveContainer(RemoveContainerRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("RemoveContainer", request);
        RequireContainer(request.ContainerId, StatusCode.Internal, "\"Invalid container id\"");
        agent.RemoveContainer(request.ContainerId);
        return Done;
    }

    public override Task<Empty> PauseContainer(PauseContainerRequest request, ServerCallContext context) =>
        OnContainerAsync("PauseContainer", request, request.ContainerId);

    public override Task<Empty> ResumeContainer(ResumeContainerRequest request, ServerCallContext context) =>
        OnContainerAsync("ResumeContainer", request, request.ContainerId);

    public override Task<Empty> UpdateContainer(UpdateContainerRequest request, ServerCallContext context) =>
        OnContainerAsync("UpdateContainer", request, request.ContainerId);

    public override async Task<StatsContainerResponse> StatsContainer(
        StatsContainerRequest request, ServerCallContext context)
    {
        await OnContainerAsync("StatsContainer", request, request.ContainerId);
        return agent.Stats;
    }

    public override async Task<Empty> ExecProcess(ExecProcessRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("ExecProcess", request);
        RequireContainer(request.ContainerId, StatusCode.Internal, "\"Invalid container id\"");
        agent.Add(request.ContainerId, request.ExecId, request.Process?.Terminal ?? false);
        return Done;
    }

    public override async Task<Empty> SignalProcess(SignalProcessRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("SignalProcess", request);
        if (request is { ExecId: "", Signal: 9 })
        {
            RequireContainer(
                request.ContainerId, StatusCode.Internal, $"\"Invalid container id {request.ContainerId}\"");
            foreach (var process in agent.ProcessesOf(request.ContainerId))
                process.Exit(137);
        }
        else
        {
            var process = RequireLive(request.ContainerId, request.ExecId);
            if (request.Signal is 9 or 15)
                process.Exit(128 + (int)request.Signal);
        }

        return Done;
    }

    public override async Task<WaitProcessResponse> WaitProcess(WaitProcessRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("WaitProcess", request);
        var process = RequireLive(request.ContainerId, request.ExecId);
        var code = await process.Exited.WaitAsync(context.CancellationToken);
        process.IsReaped = true;
        if (agent.DropsUnreadOutput)
        {
            process.DropOutput();
            agent.Forget(request.ContainerId, request.ExecId);
        }

        return new WaitProcessResponse { Status = code };
    }

    public override Task<ReadStreamResponse> ReadStdout(ReadStreamRequest request, ServerCallContext context) =>
        ReadAsync("ReadStdout", request, stderr: false);

    public override Task<ReadStreamResponse> ReadStderr(ReadStreamRequest request, ServerCallContext context) =>
        ReadAsync("ReadStderr", request, stderr: true);

    public override async Task<WriteStreamResponse> WriteStdin(WriteStreamRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("WriteStdin", request);
        var process = agent.Find(request.ContainerId, request.ExecId)
            ?? throw Refuse(StatusCode.Internal, "\"Process not found: invalid exec id\"");
        if (request.Data.IsEmpty)
            process.EndInput();
        else
            process.Take(request.Data.ToByteArray());
        return new WriteStreamResponse { Len = (uint)request.Data.Length };
    }

    public override async Task<Empty> CloseStdin(CloseStdinRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("CloseStdin", request);
        Require(request.ContainerId, request.ExecId).EndInput();
        return Done;
    }

    public override async Task<Empty> TtyWinResize(TtyWinResizeRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("TtyWinResize", request);
        var process = Require(request.ContainerId, request.ExecId);
        if (!process.Terminal)
            throw Refuse(StatusCode.Unavailable, "\"no tty\"");
        process.Size = (request.Row, request.Column);
        return Done;
    }

    private async Task<ReadStreamResponse> ReadAsync(string method, ReadStreamRequest request, bool stderr)
    {
        await agent.PlayAsync(method, request);
        var process = Require(request.ContainerId, request.ExecId);
        return new ReadStreamResponse { Data = ByteString.CopyFrom(await process.ReadAsync(stderr, (int)request.Len)) };
    }

    private async Task<Empty> DoneAsync(string method, IMessage request)
    {
        await agent.PlayAsync(method, request);
        return Done;
    }

    private async Task<Empty> OnContainerAsync(string method, IMessage request, string container)
    {
        await agent.PlayAsync(method, request);
        RequireContainer(container, StatusCode.InvalidArgument, "\"invalid container id\"");
        return Done;
    }

    private ScriptedProcess RequireLive(string container, string exec) =>
        Require(container, exec) is { IsReaped: false } process
            ? process
            : throw Refuse(StatusCode.NotFound, "InvalidExecId");

    private ScriptedProcess Require(string container, string exec)
    {
        RequireContainer(container, StatusCode.InvalidArgument, "InvalidContainerId");
        return agent.Find(container, exec)
            ?? throw Refuse(StatusCode.NotFound, exec.Length == 0 ? "InitProcessNotFound" : "InvalidExecId");
    }

    private void RequireContainer(string container, StatusCode code, string text)
    {
        if (!agent.Knows(container))
            throw Refuse(code, text);
    }

    private static RpcException Refuse(StatusCode code, string text) => new(new Status(code, text));
}

/// <summary>The health side of a <see cref="ScriptedAgent"/>.</summary>
internal sealed class ScriptedHealth(ScriptedAgent agent) : Health.HealthBase
{
    public override async Task<HealthCheckResponse> Check(CheckRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("Check", request);
        return new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving };
    }

    public override async Task<VersionCheckResponse> Version(CheckRequest request, ServerCallContext context)
    {
        await agent.PlayAsync("Version", request);
        return new VersionCheckResponse { GrpcVersion = "0.0.1", AgentVersion = agent.Version };
    }
}
