using System.Globalization;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Platform.Linux;
using Kata.Platform.Protos.Containerd.TaskV2;
using Kata.Platform.Ttrpc;
using Microsoft.Win32.SafeHandles;
using Options = Kata.Platform.Protos.Containerd.RuntimeOptions.Options;
using TaskClient = Kata.Platform.Protos.Containerd.TaskV2.Task.TaskClient;

namespace Kata.Tests.EndToEnd.Crio;

/// <summary>
/// One container as CRI-O's runtime of type <c>vm</c> handles it: its own start, its own connection, its own Shutdown.
/// </summary>
internal sealed class CrioContainer : IAsyncDisposable
{
    private static readonly TimeSpan CreateTimeout = TimeSpan.FromSeconds(240);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly CrioHost _crio;
    private readonly SafeFileHandle _log;
    private CrioStreams _streams;
    private readonly JsonObject _specification;
    private TtrpcClient _connection;
    private int _execs;

    private CrioContainer(
        CrioHost crio, string id, string bundle, string address, SafeFileHandle log, CrioStreams streams,
        TtrpcClient connection, JsonObject specification)
    {
        (_crio, Id, Bundle, Address, _log, _streams, _connection, _specification) = (
            crio, id, bundle, address, log, streams, connection, specification);
    }

    public string Id { get; }

    public string Bundle { get; }

    /// <summary>The first answer of <c>start</c>.</summary>
    public string Address { get; }

    /// <summary>The task service.</summary>
    public TaskClient Task => new(_connection);

    /// <summary>The answer to the background Wait.</summary>
    public Task<WaitResponse>? Waiting { get; private set; }

    /// <summary>The pid of Create's answer.</summary>
    public uint Pid { get; private set; }

    /// <summary>Output so far.</summary>
    public string Output => _streams.Take();

    /// <summary>The end of the output has been seen.</summary>
    public bool OutputHasEnded => _streams.HaveEnded();

    /// <summary>Start of the shim, connection, Create.</summary>
    public static async Task<CrioContainer> CreateAsync(CrioHost crio, string id, JsonObject specification)
    {
        var bundle = await crio.WriteBundleAsync(id, specification);
        var fifo = crio.Host.Seen($"{bundle}/log");
        Fifo.Create(fifo);
        var log = Fifo.OpenReader(fifo);
        var address = (await crio.StartAsync(bundle, id)).Stdout;
        var streams = new CrioStreams(crio.Host.Seen(""), await crio.MakeFifoDirectoryAsync(), id);
        var container = new CrioContainer(
            crio, id, bundle, address, log, streams, await DialAsync(crio, address), specification);
        try
        {
            var created = await container.Task.CreateAsync(
                new CreateTaskRequest
                {
                    Id = id,
                    Bundle = bundle,
                    Stdout = streams.Stdout,
                    Stderr = streams.Stderr,
                    Options = new Any
                    {
                        TypeUrl = "runtimeoptions.v1.Options",
                        Value = new Options { ConfigPath = crio.Configuration }.ToByteString()
                    },
                },
                Deadline(CreateTimeout));
            container.Pid = created.Pid;
        }
        catch
        {
            await container.RemoveAsync();
            await container.DisposeAsync();
            throw;
        }

        // SetInitPid: the start time of a live process.
        _ = await File.ReadAllTextAsync(crio.Host.Seen($"/proc/{container.Pid}/stat"));
        return container;
    }

    /// <summary>Start, a Wait beside, State.</summary>
    public async Task<StateResponse> StartAsync()
    {
        await Task.StartAsync(new StartRequest { Id = Id }, Deadline(Limit));
        Waiting = WaitAsync();
        return await StateAsync();
    }

    public async Task<StateResponse> StateAsync() =>
        await Task.StateAsync(new StateRequest { Id = Id }, Deadline(Limit));

    /// <summary>IsContainerAlive: signal 0.</summary>
    public async Task<bool> IsAliveAsync()
    {
        try
        {
            await Task.KillAsync(new KillRequest { Id = Id, Signal = 0 }, Deadline(Limit));
            return true;
        }
        catch (RpcException)
        {
            return false;
        }
    }

    /// <summary>
    /// ExecSync: what has been written is taken at the moment at which Wait answers, without waiting for the fifos'
    /// end.
    /// </summary>
    public async Task<(uint Code, string Output)> ExecSyncAsync(params string[] command)
    {
        var exec = $"{Id[..Math.Min(Id.Length, 12)]}-exec-{(++_execs).ToString(CultureInfo.InvariantCulture)}";
        using var streams = new CrioStreams(_crio.Host.Seen(""), await _crio.MakeFifoDirectoryAsync(), exec);
        var process = CrioSpecification.Exec(_specification, command);
        var spec = new Any
        {
            TypeUrl = "types.containerd.io/opencontainers/runtime-spec/1/Process",
            Value = ByteString.CopyFromUtf8(process.ToJsonString())
        };
        await Task.ExecAsync(
            new ExecProcessRequest
            {
                Id = Id,
                ExecId = exec,
                Stdout = streams.Stdout,
                Stderr = streams.Stderr,
                Spec = spec
            }, Deadline(Limit));
        await Task.StartAsync(new StartRequest { Id = Id, ExecId = exec }, Deadline(Limit));
        var ended = await Task.WaitAsync(new WaitRequest { Id = Id, ExecId = exec }, Deadline(Limit));
        var output = streams.Take();
        await Task.DeleteAsync(new DeleteRequest { Id = Id, ExecId = exec }, Deadline(Limit));
        return (ended.ExitStatus, output);
    }

    /// <summary>Update with the JSON of the limits.</summary>
    public async System.Threading.Tasks.Task UpdateAsync(string resources) => await Task.UpdateAsync(
        new UpdateTaskRequest
        {
            Id = Id,
            Resources = new Any
            {
                TypeUrl = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources",
                Value = ByteString.CopyFromUtf8(resources)
            },
        },
        Deadline(Limit));

    /// <summary>
    /// Stop: a Wait of its own first, the signal, after the grace SIGKILL whatever has become of it. Any error of a
    /// Kill fails it.
    /// </summary>
    public async Task<WaitResponse> StopAsync(uint signal, TimeSpan grace)
    {
        var waiting = WaitAsync();
        await Task.KillAsync(new KillRequest { Id = Id, Signal = signal }, Deadline(Limit));
        try
        {
            await waiting.WaitAsync(grace);
        }
        catch (TimeoutException)
        {
            await Task.KillAsync(new KillRequest { Id = Id, Signal = 9 }, Deadline(Limit));
        }

        var ended = await waiting;
        await _crio.WriteExitAsync(Id, ended.ExitStatus);
        return ended;
    }

    /// <summary>A restart of CRI-O: the address from the bundle, a new connection.</summary>
    public async System.Threading.Tasks.Task ReconnectAsync()
    {
        await _connection.DisposeAsync();
        _connection = await DialAsync(_crio, await File.ReadAllTextAsync(_crio.Host.Seen($"{Bundle}/address")));
    }

    /// <summary>What is left of CRI-O's side when it dies.</summary>
    public void CloseStreams() => _streams.Dispose();

    /// <summary>What CRI-O does with the streams that State tells when it is back.</summary>
    public async System.Threading.Tasks.Task ReopenStreamsAsync()
    {
        var state = await StateAsync();
        _streams = await CrioStreams.OpenAgainAsync(_crio.Host.Seen(""), state.Stdout, state.Stderr).WaitAsync(Limit);
    }

    /// <summary>
    /// Delete, then Shutdown; a closed connection counts as success, any other failure of Delete fails it.
    /// </summary>
    public async System.Threading.Tasks.Task RemoveAsync()
    {
        _streams.Dispose();
        try
        {
            await Task.DeleteAsync(new DeleteRequest { Id = Id }, Deadline(Limit));
            await Task.ShutdownAsync(new ShutdownRequest { Id = Id }, Deadline(Limit));
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
        {
            // The shim went, as it should with the last one.
        }
    }

    public async ValueTask DisposeAsync()
    {
        _streams.Dispose();
        await _connection.DisposeAsync();
        _log.Dispose();
    }

    private async Task<WaitResponse> WaitAsync() => await Task.WaitAsync(new WaitRequest { Id = Id });

    private static async Task<TtrpcClient> DialAsync(CrioHost crio, string address) =>
        new(await UnixSocket.ConnectAsync(crio.Host.Seen(address.Trim()["unix://".Length..])));

    private static CallOptions Deadline(TimeSpan limit) => new(deadline: DateTime.UtcNow + limit);
}
