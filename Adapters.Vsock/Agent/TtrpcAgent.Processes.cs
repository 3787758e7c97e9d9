using Google.Protobuf;
using Grpc.Core;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

internal sealed partial class TtrpcAgent
{
    // What upstream's runtime sends at once: far below a frame, and a slow reader in the guest holds up one call only.
    private const int MaxWrite = 32 * 1024;

    // The agent allocates as much as it is asked for, and a larger answer than the connection takes is none.
    private const int MaxRead = TtrpcAgentConnector.MaxReply / 2;

    public async Task ExecAsync(ProcessRef process, OciProcess spec, CancellationToken ct)
    {
        var request = new Proto.ExecProcessRequest
        {
            ContainerId = process.Container.Value,
            ExecId = AgentMapping.ExecIdOf(process),
            Process = OciMapping.ToProto(spec),
        };
        _streams.Begin(process, spec.Terminal);
        try
        {
            await CallAsync("ExecProcess", o => _agent.ExecProcessAsync(request, o), ct, ProgramOf(spec));
        }
        catch
        {
            _streams.Forget(process);
            throw;
        }
    }

    public Task SignalAsync(ProcessRef process, Signal signal, bool all, CancellationToken ct)
    {
        var request = new Proto.SignalProcessRequest
        {
            ContainerId = process.Container.Value,
            ExecId = all && process.IsInit ? "" : AgentMapping.ExecIdOf(process),
            Signal = (uint)signal.Number,
        };
        return CallAsync("SignalProcess", o => _agent.SignalProcessAsync(request, o), ct);
    }

    public async Task<int> WaitAsync(ProcessRef process, CancellationToken ct)
    {
        if (!_keepsUnreadOutput)
            await Task.WhenAny(_streams.AllEndedAsync(process), Closed).WaitAsync(ct);

        var request = new Proto.WaitProcessRequest
        {
            ContainerId = process.Container.Value,
            ExecId = AgentMapping.ExecIdOf(process)
        };
        var answer = await _call.RunAsync("WaitProcess", o => _agent.WaitProcessAsync(request, o), limit: null, ct);
        _streams.Forget(process);
        return answer.Status & 0xff;
    }

    public Task ResizeAsync(ProcessRef process, TerminalSize size, CancellationToken ct)
    {
        var request = new Proto.TtyWinResizeRequest
        {
            ContainerId = process.Container.Value,
            ExecId = AgentMapping.ExecIdOf(process),
            Row = size.Rows,
            Column = size.Columns,
        };
        return CallAsync("TtyWinResize", o => _agent.TtyWinResizeAsync(request, o), ct);
    }

    public async ValueTask<int> ReadAsync(
        ProcessRef process, GuestStream stream, Memory<byte> buffer, CancellationToken ct)
    {
        ArgumentOutOfRangeException.ThrowIfZero(buffer.Length);
        // An agent would answer from the terminal, and the bytes would be missing there.
        if (stream == GuestStream.Stderr && _streams.HasTerminal(process))
            return 0;

        var name = stream == GuestStream.Stdout ? "ReadStdout" : "ReadStderr";
        var request = new Proto.ReadStreamRequest
        {
            ContainerId = process.Container.Value,
            ExecId = AgentMapping.ExecIdOf(process),
            Len = (uint)Math.Min(buffer.Length, MaxRead),
        };
        try
        {
            var answer = await _call.SendAsync(
                o =>
                    stream == GuestStream.Stdout
                        ? _agent.ReadStdoutAsync(request, o)
                        : _agent.ReadStderrAsync(request, o), limit: null, ct);
            if (answer.Data.Length > request.Len)
                throw new KataException(
                    ErrorKind.Internal,
                    $"the guest agent answered {name} with {answer.Data.Length} bytes for {request.Len}");
            if (answer.Data.IsEmpty)
                _streams.End(process, stream);
            answer.Data.Span.CopyTo(buffer.Span);
            return answer.Data.Length;
        }
        catch (RpcException e)
        {
            // No read can succeed after this one, so the stream must not hold back the exit code.
            _streams.End(process, stream);
            return AgentErrors.IsEndOfStream(e) ? 0 : throw AgentErrors.Translate(e, name, limit: null);
        }
        catch (Exception e) when (e is KataException or OperationCanceledException)
        {
            // A reader that gives up does not want the rest.
            _streams.End(process, stream);
            throw;
        }
    }

    public async ValueTask WriteAsync(ProcessRef process, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        // Empty data would mean the end of the input.
        while (!data.IsEmpty)
        {
            var piece = data[..Math.Min(data.Length, MaxWrite)];
            var request = new Proto.WriteStreamRequest
            {
                ContainerId = process.Container.Value,
                ExecId = AgentMapping.ExecIdOf(process),
                Data = Borrow(piece),
            };
            // No deadline: a process may leave its input unread for as long as it likes.
            var answer = await _call.RunAsync("WriteStdin", o => _agent.WriteStdinAsync(request, o), limit: null, ct);
            if (answer.Len == 0 || answer.Len > piece.Length)
                throw new KataException(
                    ErrorKind.Internal, $"the guest agent says it took {answer.Len} of {piece.Length} bytes of input");
            data = data[(int)answer.Len..];
        }
    }

    public async Task CloseStdinAsync(ProcessRef process, CancellationToken ct)
    {
        var request = new Proto.CloseStdinRequest
        {
            ContainerId = process.Container.Value,
            ExecId = AgentMapping.ExecIdOf(process)
        };
        try
        {
            await _call.SendAsync(o => _agent.CloseStdinAsync(request, o), AgentDeadlines.Call, ct);
        }
        catch (RpcException e) when (AgentErrors.IsClosedInput(e))
        {
            // Already closed, or its process is over.
        }
        catch (RpcException e)
        {
            throw AgentErrors.Translate(e, "CloseStdin", AgentDeadlines.Call);
        }
    }

    /// <summary>
    /// Without a copy: sending serializes the request before it returns, and nothing reads it afterwards.
    /// </summary>
    private static ByteString Borrow(ReadOnlyMemory<byte> piece) => UnsafeByteOperations.UnsafeWrap(piece);
}
