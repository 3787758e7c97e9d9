using System.Text;
using System.Text.Json.Nodes;
using Kata.Adapters.Guest.Bundles;
using Kata.Adapters.Shimv2.Stdio;
using Kata.Adapters.Vsock.Agent;
using Kata.Core.Application;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Processes;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Agent;
using Kata.Tests.Harness;
using Kata.Tests.Harness.Streams;
using Kata.Tests.Scripted;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kata.Tests.Parity.AgentCalls;

/// <summary>
/// The application core and the real client of the agent, with an agent on the other side that notes every call; the
/// host's ports are in memory. It takes the requests that containerd sent in a recorded life.
/// </summary>
internal sealed class RecordedShim : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly HarnessHost _host = new();
    private readonly HarnessStdio _stdio;
    private readonly HarnessEvents _events;
    private readonly HarnessFiles _files;
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-life-").FullName;
    private readonly Recording _recording;
    private readonly bool _fifos;

    /// <param name="recording">The specifications.</param>
    /// <param name="fifos">Streams are real fifos, which clients open; else they are in memory.</param>
    public RecordedShim(Recording recording, bool fifos = false)
    {
        _recording = recording;
        _fifos = fifos;
        Agent = ScriptedAgent.Listen(Path.Combine(_directory, "agent.sock"));
        _stdio = new HarnessStdio(_host);
        _events = new HarnessEvents(_host);
        _files = new HarnessFiles(_host);
        var settings = new HarnessSettings(_host);
        // As the recorded shim was configured.
        settings.Settings = settings.Settings with { DisableGuestSeccomp = true };
        _services = new ServiceCollection()
            .AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning))
            .AddSingleton(new ShimIdentity(SandboxId.Parse("pod"), new SandboxOwner("tests", "/run/containerd.sock")))
            .AddSingleton(TimeProvider.System)
            .AddSingleton<ISandboxStore>(new HarnessStore(_host))
            .AddSingleton<IResourceReleaser>(new HarnessReleaser(_host))
            .AddSingleton<IHypervisor>(new HarnessHypervisor(_host) { LaunchTime = TimeSpan.Zero })
            .AddSingleton<ISharedFilesystem>(new HarnessShares(_host))
            .AddSingleton<ISandboxNetwork>(new HarnessNetwork(_host))
            .AddSingleton<ILocalPorts>(new HarnessPorts(_host))
            .AddSingleton<INameServer>(new HarnessNameServer(_host))
            .AddSingleton<ISandboxCgroup>(new HarnessCgroup(_host))
            .AddSingleton<IRootfsMounter>(new HarnessRootfs(_host))
            .AddSingleton<IHostFiles>(_files)
            .AddSingleton<IDirectVolumes>(new HarnessDirectVolumes(_host))
            .AddSingleton<IBootAssets>(new HarnessAssets(_host))
            .AddSingleton<IBundleReader>(new RecordedBundles(recording, _files))
            .AddSingleton<ISettingsSource>(settings)
            .AddSingleton<IGuestAgentConnector>(new ConnectorTo(Agent.Endpoint))
            .AddSingleton<IProcessStdio>(fifos ? new ProcessStdio(null!, TimeProvider.System) : _stdio)
            .AddSingleton<IHookRunner>(new HarnessHooks(_host))
            .AddSingleton<ITaskEvents>(_events)
            .AddApplication()
            .BuildServiceProvider(validateScopes: true);
        _ = PowerOffAsync();
    }

    /// <summary>The guest's side.</summary>
    public ScriptedAgent Agent { get; }

    /// <summary>What containerd was told.</summary>
    public IReadOnlyList<IDomainEvent> Facts => _events.Facts;

    /// <summary>Task Create.</summary>
    public async Task CreateAsync(string id, bool terminal = false, bool streams = true, bool stdin = false)
    {
        var bundle = HostPath.Parse(_recording.Bundle(id), "bundle");
        await SendAsync(
            new CreateContainer(
                ContainerId.Parse(id), bundle, [], streams ? Streams(id, terminal, stdin) : Stdio.None, null));
    }

    /// <summary>Task Start.</summary>
    public async Task<ScriptedProcess> StartAsync(string id, string? exec = null)
    {
        await SendAsync(new StartProcess(ProcessRef.Parse(id, exec)));
        return Agent.Process(id, exec ?? "");
    }

    /// <summary>
    /// Task Exec: the process document is the container's own with what was asked for, as clients write it.
    /// </summary>
    public async Task ExecAsync(
        string id, string exec, string[] words, Action<JsonObject>? change = null, bool stdin = false)
    {
        var process = (JsonObject)_recording.Config(id)["process"]!;
        process["args"] = new JsonArray([.. words.Select(word => (JsonNode)word)]);
        change?.Invoke(process);
        await SendAsync(
            new AddExec(
                ProcessRef.Parse(id, exec), Streams($"{id}-{exec}", false, stdin),
                Encoding.UTF8.GetBytes(process.ToJsonString())));
    }

    /// <summary>Task Update: the container's own resources with what was asked for.</summary>
    public async Task UpdateAsync(string id, Action<JsonObject> change)
    {
        var resources = (JsonObject)_recording.Config(id)["linux"]!["resources"]!;
        change(resources);
        await SendAsync(new UpdateContainer(ContainerId.Parse(id), Encoding.UTF8.GetBytes(resources.ToJsonString())));
    }

    /// <summary>Task Kill.</summary>
    public Task KillAsync(string id, uint signal, string? exec = null, bool all = false) =>
        SendAsync(new SignalProcess(ProcessRef.Parse(id, exec), Signal.Parse(signal), all));

    /// <summary>Task Wait.</summary>
    public async Task<int> WaitAsync(string id, string? exec = null) =>
        (await SendAsync(new WaitProcess(ProcessRef.Parse(id, exec)))).Exit.Code;

    /// <summary>Task Delete.</summary>
    public Task DeleteAsync(string id, string? exec = null) => SendAsync(new DeleteProcess(ProcessRef.Parse(id, exec)));

    /// <summary>Task Stats.</summary>
    public Task StatsAsync(string id) => SendAsync(new GetContainerStats(ContainerId.Parse(id)));

    /// <summary>Task Pause.</summary>
    public Task PauseAsync(string id) => SendAsync(new PauseContainer(ContainerId.Parse(id)));

    /// <summary>Task Resume.</summary>
    public Task ResumeAsync(string id) => SendAsync(new ResumeContainer(ContainerId.Parse(id)));

    /// <summary>Task CloseIO.</summary>
    public Task CloseStdinAsync(string id, string? exec = null) =>
        SendAsync(new CloseStdin(ProcessRef.Parse(id, exec)));

    /// <summary>Task ResizePty.</summary>
    public Task ResizeAsync(string id, uint columns, uint rows) =>
        SendAsync(new ResizeTerminal(ProcessRef.Parse(id, null), new TerminalSize(columns, rows)));

    /// <summary>Task Connect, State, Pids and the like.</summary>
    public Task LookAsync(string id) => SendAsync(new GetProcessState(ProcessRef.Parse(id, null)));

    /// <summary>Whoever holds the other ends of a process's streams.</summary>
    public Client ClientOf(string id, string? exec = null) => _stdio.ClientOf(ProcessRef.Parse(id, exec));

    /// <summary>The path of a fifo.</summary>
    public string Fifo(string name) => Path.Combine(_directory, name);

    /// <summary>Waits until something holds that no port tells of.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
            await Task.Delay(2);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await Agent.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private Stdio Streams(string name, bool terminal, bool stdin)
    {
        var streams = new Stdio(
            stdin ? Fifo($"{name}-in") : "", Fifo($"{name}-out"), terminal ? "" : Fifo($"{name}-err"), terminal);
        if (_fifos)
        {
            foreach (var path in new[] { streams.Stdin, streams.Stdout, streams.Stderr }.Where(path => path.Length > 0))
                Platform.Linux.Fifo.Create(path);
        }

        return streams;
    }

    private Task<TReply> SendAsync<TReply>(MediatR.IRequest<TReply> request) =>
        _services.GetRequiredService<Core.Application.Messaging.ISender>().Send(request, CancellationToken.None);

    // The machine ends with its sandbox, as a guest ends that powers off.
    private async Task PowerOffAsync()
    {
        await Agent.RequestAsync<DestroySandboxRequest>("DestroySandbox");
        _host.Machine!.Die(new VmmEnd(0, null));
    }

    /// <summary>Wherever the machine says that its agent is, this one is reached.</summary>
    private sealed class ConnectorTo(GuestEndpoint endpoint) : IGuestAgentConnector
    {
        private readonly TtrpcAgentConnector _connector = new(TimeProvider.System);

        public Task<IGuestAgent> ConnectAsync(GuestEndpoint _, CancellationToken ct) =>
            _connector.ConnectAsync(endpoint, ct);
    }

    /// <summary>The recorded specifications, read as any bundle. What they name of the host was there.</summary>
    private sealed class RecordedBundles(Recording recording, HarnessFiles files) : IBundleReader
    {
        private readonly BundleReader _reader = new();

        public async Task<OciSpec> ReadAsync(HostPath bundle, CancellationToken ct)
        {
            var id = Path.GetFileName(bundle.Value);
            var directory = Directory.CreateTempSubdirectory("kata-bundle-").FullName;
            await File.WriteAllTextAsync(
                Path.Combine(directory, "config.json"), recording.Config(id).ToJsonString(), ct);
            var spec = await _reader.ReadAsync(HostPath.Parse(directory, "bundle"), ct);
            Directory.Delete(directory, recursive: true);
            foreach (var shm in spec.Mounts.Where(mount => mount is { Destination: "/dev/shm", Source: ['/', ..] }))
                files.Put(shm.Source!, HostFileKind.Directory, change: file => file with { FsType = "tmpfs" });
            foreach (var disk in (spec.Linux?.Devices ?? []).Where(device => device.Type == "b"))
                files.Put(disk.Path, HostFileKind.BlockDevice, new DeviceNumber(disk.Major, disk.Minor));
            return spec;
        }

        public Task<IReadOnlyList<string>> ReadLinesAsync(HostPath file, CancellationToken ct) =>
            Task.FromResult<IReadOnlyList<string>>([]);

        public OciProcess ReadProcess(ReadOnlyMemory<byte> json) => _reader.ReadProcess(json);

        public OciResources ReadResources(ReadOnlyMemory<byte> json) => _reader.ReadResources(json);
    }
}
