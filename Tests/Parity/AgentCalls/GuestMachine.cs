using System.Diagnostics;
using System.Runtime.CompilerServices;
using Grpc.Core;
using Kata.Adapters.Vsock.Dialing;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Agent;
using Kata.Platform.Ttrpc;
using Process = System.Diagnostics.Process;

namespace Kata.Tests.Parity.AgentCalls;

/// <summary>
/// The guest as built, in a machine with a shared directory; its agent is called without our shim between.
/// </summary>
internal sealed class GuestMachine : IAsyncDisposable
{
    private const string Qemu = "/usr/bin/qemu-system-x86_64";
    private static readonly TimeSpan BootLimit = TimeSpan.FromSeconds(90);

    private readonly string _directory = Directory.CreateTempSubdirectory("kata-guest-").FullName;
    private readonly List<Process> _processes = [];
    private readonly List<string> _said = [];
    private TtrpcClient? _agent;

    private GuestMachine() => Directory.CreateDirectory(Share);

    /// <summary>Why there can be none here; null if there can.</summary>
    public static string? Missing { get; } = Environment.UserName != "root" ? "needs root"
        : new[] { Qemu, Daemon, Path.Combine(Guest, "vmlinux"), Path.Combine(Guest, "initrd.img") }.FirstOrDefault(
            file => !File.Exists(file)) is { } file ? $"{file} is missing"
        : null;

    /// <summary>What the guest sees as the share.</summary>
    public string Share => Path.Combine(_directory, "share");

    /// <summary>The connection to the agent.</summary>
    public CallInvoker Agent => _agent!;

    private static string Daemon =>
        Environment.GetEnvironmentVariable("KATA_TEST_FILE_DAEMON")
            ?? Path.Combine(Artifacts, "virtiofsd", "virtiofsd");

    private static string Guest =>
        Environment.GetEnvironmentVariable("KATA_TEST_GUEST_DIR") ?? Path.Combine(Artifacts, "guest", "current");

    private static string Artifacts =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "../../../artifacts"));

    /// <summary>Starts one and waits for the agent's first answer.</summary>
    public static async Task<GuestMachine> BootAsync()
    {
        var machine = new GuestMachine();
        try
        {
            await machine.StartAsync();
            return machine;
        }
        catch (Exception e)
        {
            var said = machine.Said;
            await machine.DisposeAsync();
            throw new InvalidOperationException($"the machine did not come up: {e.Message}; it said: {said}", e);
        }
    }

    /// <summary>What machine and daemon printed.</summary>
    public string Said
    {
        get
        {
            lock (_said)
                return string.Join('\n', _said);
        }
    }

    /// <summary>Waits until the machine has ended by itself.</summary>
    public Task EndedAsync(TimeSpan limit) => _processes[^1].WaitForExitAsync().WaitAsync(limit);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_agent is not null)
            await _agent.DisposeAsync();
        foreach (var process in Enumerable.Reverse(_processes))
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        Directory.Delete(_directory, recursive: true);
    }

    private static string Here([CallerFilePath] string path = "") => path;

    private async Task StartAsync()
    {
        var (files, port) = (Path.Combine(_directory, "files.sock"), Path.Combine(_directory, "agent.sock"));
        Start(Daemon, $"--socket-path={files}", "-o", $"source={Share}", "-o", "cache=auto", "--thread-pool-size=1");
        using var limit = new CancellationTokenSource(BootLimit);
        while (!File.Exists(files))
            await Task.Delay(5, limit.Token);
        Start(
            Qemu,
            "-M", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "512M",
            "-object", "memory-backend-memfd,id=m0,size=512M,share=on", "-numa", "node,memdev=m0",
            "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio",
            "-chardev", $"socket,id=files,path={files}", "-device",
            "vhost-user-fs-pci,chardev=files,tag=kataShared,queue-size=1024",
            "-device", "virtio-serial-pci", "-chardev", $"socket,id=agent,path={port},server=on,wait=off", "-device",
            "virtserialport,chardev=agent,name=agent.0",
            "-kernel", Path.Combine(Guest, "vmlinux"), "-initrd", Path.Combine(Guest, "initrd.img"),
            "-append",
            "quiet cryptomgr.notests=1 maxcpus=1 reboot=t panic=-1 no_timer_check clearcpuid=cx16 console=ttyS0");
        await ConnectAsync(
            new SerialDialer(new SerialEndpoint(HostPath.Parse(port, "socket")), TimeProvider.System), limit.Token);
    }

    private void Start(string program, params string[] words)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var word in words)
            start.ArgumentList.Add(word);
        var process = Process.Start(start)!;
        _processes.Add(process);
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (_said)
            _said.Add(line.Data ?? "");
    }

    private async Task ConnectAsync(SerialDialer dialer, CancellationToken ct)
    {
        var resilience = new DialResilience(TimeProvider.System);
        while (true)
        {
            try
            {
                var socket = await resilience.BoundedAsync(dialer.DialOnceAsync, ct);
                _agent = new TtrpcClient(socket);
                return;
            }
            catch (NotListeningException)
            {
                await Task.Delay(DialResilience.Pause, ct);
            }
        }
    }
}
