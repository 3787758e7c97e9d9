using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;

namespace Kata.Tests.Harness.Streams;

/// <summary>Clients' streams in memory; each process has one client.</summary>
public sealed class HarnessStdio(HarnessHost host) : IProcessStdio
{
    private readonly Dictionary<ProcessRef, Client> _clients = [];

    /// <summary>Whether new clients read at once.</summary>
    public bool ClientsRead { get; set; } = true;

    /// <summary>The client of a process, which may begin before the process exists.</summary>
    public Client ClientOf(ProcessRef process) =>
        _clients.TryGetValue(process, out var client) ? client : _clients[process] = new Client { Reads = ClientsRead };

    /// <inheritdoc/>
    public async Task<IStdioPipes> OpenAsync(ProcessRef process, Stdio stdio, CancellationToken ct)
    {
        await host.EnterAsync("stdio.open", ct);
        if (stdio.Stdout.EndsWith("missing", StringComparison.Ordinal))
            throw new KataException(ErrorKind.InvalidArgument, $"{stdio.Stdout} is missing");
        host.OpenStreams++;
        return new Pipes(host, stdio, ClientOf(process));
    }

    private sealed class Pipes(HarnessHost host, Stdio stdio, Client client) : IStdioPipes
    {
        private bool _disposed;

        public bool HasStdin => stdio.Stdin.Length > 0;

        public bool Takes(GuestStream stream) =>
            (stream == GuestStream.Stdout ? stdio.Stdout : stdio.Stderr).Length > 0;

        public void OpenStdin()
        {
        }

        public ValueTask<int> ReadStdinAsync(Memory<byte> buffer, CancellationToken ct) =>
            client.Input.ReadAsync(buffer, ct);

        public void CloseStdin() => client.Input.Close();

        public async ValueTask WriteAsync(GuestStream stream, ReadOnlyMemory<byte> data, CancellationToken ct)
        {
            await host.StandAsync(host.Enter("stdio.write"), ct);
            await client.TakeAsync(stream, data, ct);
        }

        public void CloseOutput(GuestStream stream) => client.End(stream);

        public ValueTask DisposeAsync()
        {
            if (!_disposed)
            {
                _disposed = true;
                host.OpenStreams--;
                client.End(GuestStream.Stdout);
                client.End(GuestStream.Stderr);
            }

            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>Whoever holds the other ends of a process's streams.</summary>
public sealed class Client
{
    // What a fifo holds.
    private const int Capacity = 64 * 1024;

    private readonly MemoryStream[] _taken = [new(), new()];
    private readonly TaskCompletionSource[] _ended = [new(), new()];
    private TaskCompletionSource _reading = new();
    private int _unread;

    /// <summary>What it writes.</summary>
    public BytePipe Input { get; } = new();

    /// <summary>Reads whatever comes; else only a fifo's worth is taken.</summary>
    public bool Reads
    {
        get => _reading.Task.IsCompleted;
        set
        {
            if (value)
                _reading.TrySetResult();
            else if (_reading.Task.IsCompleted)
                _reading = new TaskCompletionSource();
        }
    }

    /// <summary>What came on standard output.</summary>
    public string Output => Encoding.UTF8.GetString(Bytes(GuestStream.Stdout));

    /// <summary>What came on standard error.</summary>
    public string Errors => Encoding.UTF8.GetString(Bytes(GuestStream.Stderr));

    /// <summary>What came on a stream.</summary>
    public byte[] Bytes(GuestStream stream) => _taken[(int)stream].ToArray();

    /// <summary>Completes at the end of a stream.</summary>
    public Task EndOf(GuestStream stream) => _ended[(int)stream].Task;

    internal async Task TakeAsync(GuestStream stream, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        if (EndOf(stream).IsCompleted)
            throw new IOException("written after the end of the stream");
        if (!Reads && _unread + data.Length > Capacity)
            await _reading.Task.WaitAsync(ct);
        _unread += data.Length;
        _taken[(int)stream].Write(data.Span);
    }

    internal void End(GuestStream stream) => _ended[(int)stream].TrySetResult();
}
