using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Apps.Agent.Containers;
using Kata.Apps.Agent.Processes;
using Kata.Apps.Agent.Stdio;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent;

/// <summary>Processes and their streams.</summary>
internal sealed partial class AgentService
{
    public override async Task<Empty> ExecProcess(Oci.ExecProcessRequest request, ServerCallContext context)
    {
        var container = sandbox.Find(request.ContainerId, StatusCode.Internal);
        await Guarded(() => maker.ExecAsync(container, request, context.CancellationToken));
        return Done;
    }

    public override Task<Empty> SignalProcess(Oci.SignalProcessRequest request, ServerCallContext context)
    {
        var signal = (int)request.Signal;
        if (request.ExecId.Length == 0 && signal == Signals.SIGKILL)
        {
            var whole = sandbox.Find(request.ContainerId, StatusCode.Internal);
            try
            {
                whole.Cgroup.KillAll();
            }
            catch (IOException e)
            {
                throw AgentRefusals.Internal($"container {whole.Id} could not be killed: {e.Message}");
            }

            return Task.FromResult(Done);
        }

        var container = sandbox.FindForProcess(request.ContainerId);
        var process = container.Find(request.ExecId);
        if (ReferenceEquals(process, container.Init))
        {
            signal = InitSignals.Effective(signal, ReadStatus(process.ProcessId));
        }

        try
        {
            // One that has ended is where the caller wants it.
            process.Signal(signal);
        }
        catch (LinuxException e)
        {
            throw AgentRefusals.Internal(e.Message);
        }

        return Task.FromResult(Done);
    }

    public override async Task<Oci.WaitProcessResponse> WaitProcess(
        Oci.WaitProcessRequest request, ServerCallContext context)
    {
        var container = sandbox.FindForProcess(request.ContainerId);
        var process = container.Find(request.ExecId);
        var exit = await process.Exited.WaitAsync(context.CancellationToken);
        return new Oci.WaitProcessResponse { Status = container.TakeStatus(process, exit).Status };
    }

    public override async Task<Oci.WriteStreamResponse> WriteStdin(
        Oci.WriteStreamRequest request, ServerCallContext context)
    {
        var input = FindForWriting(request.ContainerId, request.ExecId).Streams.Input;
        if (request.Data.IsEmpty)
        {
            input.End();
            return new Oci.WriteStreamResponse();
        }

        try
        {
            await input.WriteAsync(request.Data.Memory, context.CancellationToken);
        }
        catch (ObjectDisposedException)
        {
            throw AgentRefusals.NoWriter();
        }
        catch (LinuxException e)
        {
            throw AgentRefusals.Internal($"standard input: {e.Message}");
        }

        return new Oci.WriteStreamResponse { Len = (uint)request.Data.Length };
    }

    public override Task<Oci.ReadStreamResponse> ReadStdout(Oci.ReadStreamRequest request, ServerCallContext context) =>
        ReadAsync(request, streams => streams.Output, context.CancellationToken);

    public override Task<Oci.ReadStreamResponse> ReadStderr(Oci.ReadStreamRequest request, ServerCallContext context) =>
        ReadAsync(request, streams => streams.Errors, context.CancellationToken);

    public override Task<Empty> CloseStdin(Oci.CloseStdinRequest request, ServerCallContext context)
    {
        sandbox.FindForProcess(request.ContainerId).FindForStreams(request.ExecId).Streams.Input.End();
        return Task.FromResult(Done);
    }

    public override Task<Empty> TtyWinResize(Oci.TtyWinResizeRequest request, ServerCallContext context)
    {
        var process = sandbox.FindForProcess(request.ContainerId).Find(request.ExecId);
        try
        {
            process.Streams.Resize(request.Row, request.Column);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            throw AgentRefusals.Internal($"terminal: {e.Message}");
        }

        return Task.FromResult(Done);
    }

    private async Task<Oci.ReadStreamResponse> ReadAsync(
        Oci.ReadStreamRequest request, Func<ProcessPipes, OutputStream?> stream, CancellationToken cancellation)
    {
        var container = sandbox.FindForProcess(request.ContainerId);
        var process = container.FindForStreams(request.ExecId);
        // A terminal has no separate errors: their end is there from the beginning.
        if (stream(process.Streams) is not { } output || request.Len == 0)
        {
            return new Oci.ReadStreamResponse();
        }

        try
        {
            var data = await output.ReadAsync(request.Len, cancellation);
            if (data.IsEmpty)
            {
                container.Sweep();
            }

            return new Oci.ReadStreamResponse { Data = data };
        }
        catch (LinuxException e)
        {
            throw AgentRefusals.Internal($"cannot get stream reader: {e.Message}");
        }
    }

    private ContainerProcess FindForWriting(string containerId, string execId)
    {
        var container = sandbox.Find(containerId, StatusCode.Internal);
        try
        {
            return container.FindForStreams(execId);
        }
        catch (RpcException)
        {
            throw AgentRefusals.Internal("Process not found: invalid exec id");
        }
    }

    private static string? ReadStatus(int processId)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/status");
        }
        catch (IOException)
        {
            return null;
        }
    }
}
