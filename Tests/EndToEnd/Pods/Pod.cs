using System.Globalization;
using System.Text;
using Grpc.Core;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>What a command in a container left.</summary>
internal sealed record Executed(int ExitCode, string Stdout, string Stderr)
{
    /// <summary>Throws with everything that was printed unless the exit code is 0; gives what was printed.</summary>
    public string Ok() =>
        ExitCode == 0
            ? Stdout
            : throw new InvalidOperationException($"exit code {ExitCode}; stdout: '{Stdout}'; stderr: '{Stderr}'");
}

/// <summary>A pod of the runtime under test; disposing of it stops and removes it.</summary>
public sealed class Pod : IAsyncDisposable
{
    // No word of the guest's must be waited for when a container ends: SIGKILL at once.
    private const int NoGrace = 0;

    private int _containers;

    private Pod(PodHost host, PodSandboxConfig config, string id)
    {
        Host = host;
        Config = config;
        Id = id;
    }

    public PodHost Host { get; }

    internal PodSandboxConfig Config { get; }

    public string Id { get; }

    private RuntimeService.RuntimeServiceClient Runtime => Host.Cri.Runtime;

    /// <summary>How long the kubelet waits for a pod's sandbox: twice its limit for other calls.</summary>
    private static readonly TimeSpan SandboxLimit = TimeSpan.FromMinutes(4);

    internal static PodSandboxConfig NewConfig(PodHost host, string? name = null)
    {
        name ??= host.NewName();
        return new PodSandboxConfig
        {
            Metadata = new PodSandboxMetadata { Name = name, Uid = $"uid-{name}", Namespace = "tests" },
            Hostname = name,
            LogDirectory = Path.Combine(host.Directory, "logs", name),
            Linux = new LinuxPodSandboxConfig
            {
                CgroupParent = $"/{host.Mark}",
                SecurityContext = new LinuxSandboxSecurityContext
                {
                    NamespaceOptions = new NamespaceOption { Pid = NamespaceMode.Container }
                },
            },
        };
    }

    internal static async Task<Pod> RunAsync(
        PodHost host, Action<PodSandboxConfig>? change = null, string? handler = null)
    {
        var config = NewConfig(host);
        change?.Invoke(config);
        var reply = await host.Cri.Runtime.RunPodSandboxAsync(
            new RunPodSandboxRequest { Config = config, RuntimeHandler = handler ?? PodHost.Handler },
            CriClient.Call(SandboxLimit));
        return new Pod(host, config, reply.PodSandboxId);
    }

    internal ContainerConfig NewContainer(params string[] command)
    {
        var name = $"c{Interlocked.Increment(ref _containers).ToString(CultureInfo.InvariantCulture)}";
        var config = new ContainerConfig
        {
            Metadata = new ContainerMetadata { Name = name },
            Image = new ImageSpec { Image = BusyboxImage.Name },
            LogPath = $"{name}.log",
            Linux = new LinuxContainerConfig
            {
                SecurityContext = new LinuxContainerSecurityContext
                {
                    NamespaceOptions = new NamespaceOption { Pid = NamespaceMode.Container }
                },
            },
        };
        config.Command.AddRange(command.Length > 0 ? command : ["sleep", "100000"]);
        return config;
    }

    internal async Task<string> CreateAsync(ContainerConfig config) =>
        (await Runtime.CreateContainerAsync(
            new CreateContainerRequest { PodSandboxId = Id, Config = config, SandboxConfig = Config },
            CriClient.Call())).ContainerId;

    internal async Task StartAsync(string id) =>
        await Runtime.StartContainerAsync(new StartContainerRequest { ContainerId = id }, CriClient.Call());

    /// <summary>Creates a container and starts it.</summary>
    internal async Task<string> StartAsync(ContainerConfig config)
    {
        var id = await CreateAsync(config);
        await StartAsync(id);
        return id;
    }

    internal Task<string> StartAsync(Action<ContainerConfig> change, params string[] command)
    {
        var config = NewContainer(command);
        change(config);
        return StartAsync(config);
    }

    internal async Task<Executed> ExecAsync(string id, string[] command, long timeout = 60)
    {
        var request = new ExecSyncRequest { ContainerId = id, Timeout = timeout };
        request.Cmd.AddRange(command);
        var reply = await Runtime.ExecSyncAsync(request, CriClient.Call());
        return new Executed(reply.ExitCode, reply.Stdout.ToString(Encoding.UTF8), reply.Stderr.ToString(Encoding.UTF8));
    }

    /// <summary>What a line of shell prints in a container; it must succeed.</summary>
    internal async Task<string> ShellAsync(string id, string line) => (await ExecAsync(id, ["sh", "-c", line])).Ok();

    /// <summary>Runs a container to its end and gives what it logged; the container is removed.</summary>
    internal async Task<Executed> RunToEndAsync(ContainerConfig config)
    {
        var id = await StartAsync(config);
        var status = await ExitedAsync(id);
        var (stdout, stderr) = await LogAsync(config);
        await RemoveAsync(id);
        return new Executed(status.ExitCode, stdout, stderr);
    }

    internal Task<Executed> RunToEndAsync(Action<ContainerConfig> change, params string[] command)
    {
        var config = NewContainer(command);
        change(config);
        return RunToEndAsync(config);
    }

    internal async Task StopAsync(string id, long timeout = NoGrace) =>
        await Runtime.StopContainerAsync(
            new StopContainerRequest { ContainerId = id, Timeout = timeout }, CriClient.Call());

    internal async Task RemoveAsync(string id) =>
        await Runtime.RemoveContainerAsync(new RemoveContainerRequest { ContainerId = id }, CriClient.Call());

    internal async Task<ContainerStatus> StatusAsync(string id) =>
        (await Runtime.ContainerStatusAsync(new ContainerStatusRequest { ContainerId = id }, CriClient.Call())).Status;

    /// <summary>Waits for the end of a container.</summary>
    internal async Task<ContainerStatus> ExitedAsync(string id)
    {
        var status = await StatusAsync(id);
        await Until.TrueAsync(
            async () => (status = await StatusAsync(id)).State == ContainerState.ContainerExited,
            TestSettings.StartLimit,
            () => $"{id} is {status.State}");
        return status;
    }

    internal async Task<PodSandboxStatus> StatusAsync() =>
        (await Runtime.PodSandboxStatusAsync(new PodSandboxStatusRequest { PodSandboxId = Id }, CriClient.Call()))
            .Status;

    internal string LogFile(ContainerConfig config) => Path.Combine(Config.LogDirectory, config.LogPath);

    /// <summary>The two streams out of a container's log.</summary>
    internal async Task<(string Stdout, string Stderr)> LogAsync(ContainerConfig config)
    {
        var streams = new Dictionary<string, StringBuilder> { ["stdout"] = new(), ["stderr"] = new() };
        foreach (var line in await File.ReadAllLinesAsync(LogFile(config)))
        {
            var words = line.Split(' ', 4);
            streams[words[1]].Append(words[3]).Append(words[2] == "F" ? "\n" : "");
        }

        return (streams["stdout"].ToString(), streams["stderr"].ToString());
    }

    internal async Task StopAsync() =>
        await Runtime.StopPodSandboxAsync(new StopPodSandboxRequest { PodSandboxId = Id }, CriClient.Call());

    internal async Task RemoveAsync() =>
        await Runtime.RemovePodSandboxAsync(new RemovePodSandboxRequest { PodSandboxId = Id }, CriClient.Call());

    public async ValueTask DisposeAsync()
    {
        try
        {
            await StopAsync();
            await RemoveAsync();
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.NotFound)
        {
            // The test has removed it.
        }
    }
}
