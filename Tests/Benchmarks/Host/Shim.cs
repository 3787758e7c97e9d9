using System.Diagnostics;
using System.Globalization;
using System.Text;
using Grpc.Core;
using Kata.Platform.Linux;
using Kata.Platform.Protos.Containerd.TaskV2;
using Kata.Platform.Ttrpc;
using Microsoft.Win32.SafeHandles;
using TaskClient = Kata.Platform.Protos.Containerd.TaskV2.Task.TaskClient;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>A shim started and called as containerd does it.</summary>
internal sealed class Shim : IAsyncDisposable
{
    private const string Namespace = "bench";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private readonly string _id;
    private readonly string _address;
    private readonly SafeFileHandle _log;
    private TtrpcClient? _connection;

    private Shim(string id, string address, int pid, TimeSpan toAddress, SafeFileHandle log)
    {
        _id = id;
        _log = log;
        _address = address;
        Pid = pid;
        ToAddress = toAddress;
    }

    /// <summary>The server.</summary>
    public int Pid { get; }

    /// <summary>From the execution of <c>start</c> to the address.</summary>
    public TimeSpan ToAddress { get; }

    /// <summary>Runs <c>start</c> in a bundle.</summary>
    public static async Task<Shim> StartAsync(
        ShimKind kind, Containerd containerd, Bundle bundle, string id, string? configuration = null)
    {
        var start = new ProcessStartInfo(kind.Program)
        {
            WorkingDirectory = bundle.Path,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { "-namespace", Namespace, "-address", containerd.Address, "-publish-binary", "/usr/bin/containerd", "-id", id, "start" },
        };
        start.Environment["TTRPC_ADDRESS"] = containerd.TtrpcAddress;
        start.Environment["GRPC_ADDRESS"] = containerd.Address;
        start.Environment["MAX_SHIM_VERSION"] = "2";
        start.Environment["GOMAXPROCS"] = "4";
        if (configuration is not null)
            start.Environment["KATA_CONF_FILE"] = configuration;

        // The server's log; what comes stays in it, which is little.
        var fifo = Path.Combine(bundle.Path, "log");
        Fifo.Create(fifo);
        var log = Fifo.OpenBoth(fifo);
        var answer = new byte[4096];
        var since = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.BaseStream;
        var length = await output.ReadAsync(answer);
        var took = Stopwatch.GetElapsedTime(since);
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0 || length == 0)
            throw new InvalidOperationException($"{kind.Program} start exited {process.ExitCode}: {error}");
        var address = Encoding.UTF8.GetString(answer, 0, length).Trim();
        int? server = null;
        await Until.TrueAsync(
            () => (server = FindServer(kind, id, process.Id)) is not null, TimeSpan.FromSeconds(3),
            $"server of {kind.Name} for {id} ({error})");
        return new Shim(id, address, server!.Value, took, log);
    }

    /// <summary>The task service.</summary>
    public async Task<TaskClient> CallAsync()
    {
        _connection ??= new TtrpcClient(await UnixSocket.ConnectAsync(_address["unix://".Length..]));
        return new TaskClient(_connection);
    }

    /// <summary>Creates a container in a pod or the single one.</summary>
    public async System.Threading.Tasks.Task CreateAsync(Bundle bundle, string id)
    {
        var request = new CreateTaskRequest { Id = id, Bundle = bundle.Path, Rootfs = { bundle.Rootfs } };
        await (await CallAsync()).CreateAsync(request, Options());
    }

    /// <summary>Starts it.</summary>
    public async System.Threading.Tasks.Task StartAsync(string id) =>
        await (await CallAsync()).StartAsync(new StartRequest { Id = id }, Options());

    /// <summary>Waits for a container's end.</summary>
    public async Task<uint> WaitAsync(string id) =>
        (await (await CallAsync()).WaitAsync(new WaitRequest { Id = id }, Options())).ExitStatus;

    /// <summary>Removes an ended container.</summary>
    public async System.Threading.Tasks.Task DeleteAsync(string id) =>
        await (await CallAsync()).DeleteAsync(new DeleteRequest { Id = id }, Options());

    /// <summary>Ends containers, waits for them and deletes them.</summary>
    public async System.Threading.Tasks.Task RemoveAsync(string id)
    {
        var client = await CallAsync();
        await client.KillAsync(new KillRequest { Id = id, Signal = 9, All = true }, Options());
        await client.WaitAsync(new WaitRequest { Id = id }, Options());
        await client.DeleteAsync(new DeleteRequest { Id = id }, Options());
    }

    /// <summary>Ends the server, by its own call or else by a signal.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await (await CallAsync()).ShutdownAsync(new ShutdownRequest { Id = _id, Now = true }, Options());
        }
        catch (Exception e) when (e is RpcException or IOException or System.Net.Sockets.SocketException)
        {
            // It may end before it has answered.
        }

        try
        {
            await Until.TrueAsync(() => IsGone(Pid), TimeSpan.FromSeconds(5), $"end of shim {_id}");
        }
        catch (TimeoutException)
        {
            using var process = Process.GetProcessById(Pid);
            process.Kill();
        }

        if (_connection is not null)
            await _connection.DisposeAsync();
        _log.Dispose();
        File.Delete(_address["unix://".Length..]);
    }

    private static CallOptions Options() => new(deadline: DateTime.UtcNow + Limit);

    private static bool IsGone(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] == 'Z';
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static int? FindServer(ShimKind kind, string id, int starter)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var pid) || pid == starter)
                continue;
            try
            {
                var words = File.ReadAllText($"{directory}/cmdline").Split('\0');
                if (Path.GetFileName(words[0]) == Path.GetFileName(kind.Program) && words.Contains(id)
                    && !words.Contains("start"))
                    return pid;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Gone meanwhile.
            }
        }

        return null;
    }
}
