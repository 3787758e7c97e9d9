using System.Threading.Channels;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;

namespace Kata.Tests.Harness;

/// <summary>Connections to a namespace's localhost, in memory.</summary>
public sealed class HarnessPorts(HarnessHost host) : ILocalPorts
{
    private readonly Channel<ILocalConnection> _dialled = HarnessChannel.Unbounded<ILocalConnection>();

    /// <summary>Dials: what is sent is read from <paramref name="input"/>; what comes back is in the answer.</summary>
    public HarnessConnection Dial(int port, byte[] input)
    {
        var connection = new HarnessConnection(port, input);
        _dialled.Writer.TryWrite(connection);
        return connection;
    }

    /// <inheritdoc/>
    public async Task<ILocalPortListener> ListenAsync(NetworkNamespacePath networkNamespace, CancellationToken ct)
    {
        await host.EnterAsync("ports.listen", ct);
        return new Listener(host, _dialled);
    }

    private sealed class Listener(HarnessHost host, Channel<ILocalConnection> dialled) : ILocalPortListener
    {
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task<ILocalConnection?> AcceptAsync(CancellationToken ct)
        {
            var next = dialled.Reader.WaitToReadAsync(ct).AsTask();
            await Task.WhenAny(next, _closed.Task);
            if (!_closed.Task.IsCompleted)
                await next;
            if (!_closed.Task.IsCompleted)
                await host.EnterAsync("ports.accept", ct);
            return !_closed.Task.IsCompleted && dialled.Reader.TryRead(out var connection) ? connection : null;
        }

        public ValueTask DisposeAsync()
        {
            _closed.TrySetResult();
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>A connection in memory.</summary>
public sealed class HarnessConnection(int port, byte[] input) : ILocalConnection
{
    private readonly TaskCompletionSource<bool> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly InOut _bytes = new(input);
    private bool _wasReset;

    /// <inheritdoc/>
    public int Port => port;

    /// <inheritdoc/>
    public Stream Bytes => _bytes;

    /// <summary>Completes at the end of the connection: true for an orderly one, false for a reset.</summary>
    public Task<bool> Ended => _ended.Task;

    /// <summary>What came back.</summary>
    public byte[] Output => _bytes.Output.ToArray();

    /// <inheritdoc/>
    public void EndOutput()
    {
    }

    /// <inheritdoc/>
    public void Reset() => _wasReset = true;

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _ended.TrySetResult(!_wasReset);
        return ValueTask.CompletedTask;
    }

    private sealed class InOut(byte[] input) : MemoryStream(input)
    {
        public MemoryStream Output { get; } = new();

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            Output.WriteAsync(buffer, offset, count, cancellationToken);

        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => Output.WriteAsync(buffer,
            cancellationToken);
    }
}
