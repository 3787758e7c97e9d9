using System.Diagnostics;
using System.Globalization;
using System.Text;
using Grpc.Core;
using Kata.Adapters.Vsock.Dialing;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Agent;
using Kata.Platform.Ttrpc;
using Kata.Tests.Benchmarks.Host;
using Process = System.Diagnostics.Process;

namespace Kata.Tests.Benchmarks.Boot;

/// <summary>A machine with nothing but the agent's port, as near to the VMM as one can measure.</summary>
internal sealed class Machine : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Scratch _scratch;
    private TtrpcClient? _agent;

    private Machine(Process process, Scratch scratch)
    {
        _process = process;
        _scratch = scratch;
    }

    /// <summary>The VMM.</summary>
    public int Pid => _process.Id;

    /// <summary>From the VMM's execution to the first answer.</summary>
    public TimeSpan ToAnswer { get; private set; }

    /// <summary>Starts one and waits for the first answer.</summary>
    public static async Task<Machine> BootAsync(GuestFiles files)
    {
        var scratch = new Scratch();
        var socket = scratch["agent.sock"];
        var start = new ProcessStartInfo(ShimConfiguration.Qemu)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        string[] words =
        [
            "-M", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "512M",
            "-object", "memory-backend-memfd,id=m0,size=512M,share=on", "-numa", "node,memdev=m0",
            "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio",
            "-device", "virtio-serial-pci", "-chardev", $"socket,id=agent,path={socket},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=agent.0",
            "-kernel", files.Kernel, "-initrd", files.Initrd, "-append", files.Parameters,
        ];
        foreach (var word in words)
            start.ArgumentList.Add(word);

        var since = Stopwatch.GetTimestamp();
        var machine = new Machine(Process.Start(start)!, scratch);
        var said = new StringBuilder();
        DataReceivedEventHandler keep = (_, line) =>
        {
            lock (said)
                said.AppendLine(line.Data);
        };
        machine._process.OutputDataReceived += keep;
        machine._process.ErrorDataReceived += keep;
        machine._process.BeginOutputReadLine();
        machine._process.BeginErrorReadLine();
        try
        {
            using var limit = new CancellationTokenSource(Limit);
            await machine.ConnectAsync(new SerialEndpoint(HostPath.Parse(socket, "socket")), limit.Token);
            machine.ToAnswer = Stopwatch.GetElapsedTime(since);
            return machine;
        }
        catch (Exception e)
        {
            await machine.DisposeAsync();
            lock (said)
                throw new InvalidOperationException(
                    $"the machine of {files.Initrd} did not answer: {e.Message}; it said: {said}", e);
        }
    }

    /// <summary>What the agent says of its own memory, in bytes.</summary>
    public async Task<double> AgentResidentAsync()
    {
        var metrics = (await new AgentService.AgentServiceClient(_agent!).GetMetricsAsync(new GetMetricsRequest()))
            .Metrics_;
        var line = metrics.Split('\n')
            .First(text => text.StartsWith("kata_agent_total_rss ", StringComparison.Ordinal));
        return double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_agent is not null)
            await _agent.DisposeAsync();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _scratch.Dispose();
    }

    private async Task ConnectAsync(SerialEndpoint endpoint, CancellationToken ct)
    {
        var dialer = new SerialDialer(endpoint, TimeProvider.System);
        var resilience = new DialResilience(TimeProvider.System);
        while (true)
        {
            try
            {
                var socket = await resilience.BoundedAsync(dialer.DialOnceAsync, ct);
                _agent = new TtrpcClient(socket);
                await new Health.HealthClient(_agent)
                    .CheckAsync(new CheckRequest(), new CallOptions(cancellationToken: ct));
                return;
            }
            catch (NotListeningException)
            {
                await Task.Delay(DialResilience.Pause, ct);
            }
        }
    }
}
