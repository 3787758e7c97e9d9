using System.Text;
using Kata.Core.Application;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Processes;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness.Agent;
using Kata.Tests.Harness.Streams;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kata.Tests.Harness;

/// <summary>The real application core on ports in memory, with the requests of a task service.</summary>
public sealed class HarnessShim : IAsyncDisposable
{
    /// <summary>Longer than any request may take, whatever goes wrong.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromHours(1);

    private readonly ServiceProvider _services;

    /// <summary>
    /// A shim of one sandbox. Its agent is the harness's unless <paramref name="connector"/> makes another.
    /// </summary>
    public HarnessShim(
        FaultSchedule? faults = null,
        string sandbox = "pod",
        HarnessHost? host = null,
        HarnessStore? store = null,
        Func<HarnessHost, IGuestAgentConnector>? connector = null)
    {
        Host = host ?? new HarnessHost(faults);
        Sandbox = SandboxId.Parse(sandbox);
        Store = store ?? new HarnessStore(Host);
        Hypervisor = new HarnessHypervisor(Host);
        Network = new HarnessNetwork(Host);
        Ports = new HarnessPorts(Host);
        Names = new HarnessNameServer(Host);
        Cgroup = new HarnessCgroup(Host);
        Bundles = new HarnessBundles(Host);
        Settings = new HarnessSettings(Host);
        Assets = new HarnessAssets(Host);
        Hooks = new HarnessHooks(Host);
        Events = new HarnessEvents(Host);
        Stdio = new HarnessStdio(Host);
        Files = new HarnessFiles(Host);
        Rootfs = new HarnessRootfs(Host);
        DirectVolumes = new HarnessDirectVolumes(Host);
        _services = new ServiceCollection()
            .AddLogging(logging => logging.SetMinimumLevel(LogLevel.Debug).AddProvider(Log))
            .AddSingleton(new ShimIdentity(Sandbox, new SandboxOwner("tests", "/run/containerd.sock")))
            .AddSingleton<TimeProvider>(Host.Time)
            .AddSingleton<ISandboxStore>(Store)
            .AddSingleton<IResourceReleaser>(new HarnessReleaser(Host))
            .AddSingleton<IHypervisor>(Hypervisor)
            .AddSingleton<ISharedFilesystem>(new HarnessShares(Host))
            .AddSingleton<ISandboxNetwork>(Network)
            .AddSingleton<ILocalPorts>(Ports)
            .AddSingleton<INameServer>(Names)
            .AddSingleton<ISandboxCgroup>(Cgroup)
            .AddSingleton<IRootfsMounter>(Rootfs)
            .AddSingleton<IHostFiles>(Files)
            .AddSingleton<IDirectVolumes>(DirectVolumes)
            .AddSingleton<IBootAssets>(Assets)
            .AddSingleton<IBundleReader>(Bundles)
            .AddSingleton<ISettingsSource>(Settings)
            .AddSingleton(connector?.Invoke(Host) ?? new HarnessConnector(Host))
            .AddSingleton<IProcessStdio>(Stdio)
            .AddSingleton<IHookRunner>(Hooks)
            .AddSingleton<ITaskEvents>(Events)
            .AddApplication()
            .BuildServiceProvider(validateScopes: true);
    }

    /// <summary>The host beneath.</summary>
    public HarnessHost Host { get; }

    /// <summary>The clock.</summary>
    public ManualTime Time => Host.Time;

    /// <summary>The sandbox's id.</summary>
    public SandboxId Sandbox { get; }

    /// <summary>The ports.</summary>
    public HarnessStore Store { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessHypervisor Hypervisor { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessNetwork Network { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessPorts Ports { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessNameServer Names { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessCgroup Cgroup { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessBundles Bundles { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessSettings Settings { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessAssets Assets { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessHooks Hooks { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessEvents Events { get; }

    /// <inheritdoc cref="Store"/>
    public HarnessStdio Stdio { get; }

    /// <summary>What was logged.</summary>
    public HarnessLog Log { get; } = new();

    /// <summary>What the guest's programs do.</summary>
    public GuestPrograms Programs => Hypervisor.Programs;

    /// <summary>The guest of the machine that runs or ran last.</summary>
    public HarnessGuest Guest => Host.Machine!.Guest;

    /// <summary>Completes when the shim may end.</summary>
    public Task Ended => _services.GetRequiredService<ShimLifetime>().Ended;

    /// <summary>The state of the sandbox.</summary>
    public SandboxState State => _services.GetRequiredService<LiveSandbox>().State;

    /// <summary>A part of the core.</summary>
    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    /// <summary>Runs a scenario on a new shim, in virtual time.</summary>
    public static void Run(Func<HarnessShim, Task> scenario, FaultSchedule? faults = null, string sandbox = "pod")
    {
        var shim = new HarnessShim(faults, sandbox);
        shim.Run(() => scenario(shim));
    }

    /// <summary>Runs a scenario on this shim, in virtual time.</summary>
    public void Run(Func<Task> scenario) => Pump.Run(Time, scenario, Limit, () =>
        $"under way: {Host.Pending}; last calls: {string.Join(", ", Host.Calls.TakeLast(10))}; log: {string.Join("\n", Log.Lines.TakeLast(12).Select(line => line.Text))}");

    /// <summary>Writes a bundle.</summary>
    public HostPath Bundle(
        string id, ContainerKind kind = ContainerKind.Single, string program = "sleep", Func<OciSpec,
        OciSpec>? change = null)
    {
        var path = HostPath.Parse($"/bundles/{id}", "bundle");
        var spec = PlayedBundle.Write(Sandbox, kind, program);
        Bundles.Specs[path] = change?.Invoke(spec) ?? spec;
        return path;
    }

    /// <summary>Roots of containers.</summary>
    public HarnessRootfs Rootfs { get; }

    /// <summary>Files of the host.</summary>
    public HarnessFiles Files { get; }

    /// <summary>Direct-assigned volumes.</summary>
    public HarnessDirectVolumes DirectVolumes { get; }

    /// <summary>Sends any request.</summary>
    public Task<TReply> SendAsync<TReply>(MediatR.IRequest<TReply> request, CancellationToken ct = default) =>
        _services.GetRequiredService<ISender>().Send(request, ct);

    /// <summary>Task Create, with a bundle written for it.</summary>
    public Task<CreateContainerReply> CreateAsync(
        string id,
        ContainerKind kind = ContainerKind.Single,
        string program = "sleep",
        bool stdin = false,
        bool terminal = false,
        Func<OciSpec, OciSpec>? change = null,
        CancellationToken ct = default) =>
        SendAsync(
            new CreateContainer(
                ContainerId.Parse(id), Bundle(id, kind, program, change), [], Streams(id, stdin, terminal), null), ct);

    /// <summary>Task Start.</summary>
    public Task<StartProcessReply> StartAsync(string id, string? exec = null, CancellationToken ct = default) =>
        SendAsync(new StartProcess(ProcessRef.Parse(id, exec)), ct);

    /// <summary>Task Exec.</summary>
    public Task ExecAsync(
        string id, string exec, string program = "sleep", bool stdin = false, bool terminal = false,
        CancellationToken ct = default) =>
        SendAsync(
            new AddExec(
                ProcessRef.Parse(id, exec), Streams($"{id}-{exec}", stdin, terminal),
                Encoding.UTF8.GetBytes(program)), ct);

    /// <summary>Task Kill.</summary>
    public Task KillAsync(
        string id, string? exec = null, uint signal = 9, bool all = false, CancellationToken ct = default) =>
        SendAsync(new SignalProcess(ProcessRef.Parse(id, exec), Signal.Parse(signal), all), ct);

    /// <summary>Task Wait.</summary>
    public async Task<ExitStatus> WaitAsync(string id, string? exec = null, CancellationToken ct = default) =>
        (await SendAsync(new WaitProcess(ProcessRef.Parse(id, exec)), ct)).Exit;

    /// <summary>Task Delete.</summary>
    public Task<DeleteProcessReply> DeleteAsync(string id, string? exec = null, CancellationToken ct = default) =>
        SendAsync(new DeleteProcess(ProcessRef.Parse(id, exec)), ct);

    /// <summary>Task State.</summary>
    public Task<GetProcessStateReply> StateAsync(string id, string? exec = null) =>
        SendAsync(new GetProcessState(ProcessRef.Parse(id, exec)));

    /// <summary>Task Update.</summary>
    public Task UpdateAsync(string id, OciResources update)
    {
        var name = $"update-{Bundles.Updates.Count}";
        Bundles.Updates[name] = update;
        return SendAsync(new UpdateContainer(ContainerId.Parse(id), Encoding.UTF8.GetBytes(name)));
    }

    /// <summary>Task Pause.</summary>
    public Task PauseAsync(string id) => SendAsync(new PauseContainer(ContainerId.Parse(id)));

    /// <summary>Task Resume.</summary>
    public Task ResumeAsync(string id) => SendAsync(new ResumeContainer(ContainerId.Parse(id)));

    /// <summary>Task CloseIO.</summary>
    public Task CloseStdinAsync(string id, string? exec = null) =>
        SendAsync(new CloseStdin(ProcessRef.Parse(id, exec)));

    /// <summary>Task ResizePty.</summary>
    public Task ResizeAsync(string id, uint columns, uint rows, string? exec = null) =>
        SendAsync(new ResizeTerminal(ProcessRef.Parse(id, exec), new TerminalSize(columns, rows)));

    /// <summary>Stop of the sandbox.</summary>
    public Task StopAsync() => SendAsync(new StopSandbox());

    /// <summary>Task Shutdown.</summary>
    public async Task<bool> ShutDownAsync(bool now = false) => (await SendAsync(new ShutDownShim(now))).WillEnd;

    /// <summary>The client of a process.</summary>
    public Client ClientOf(string id, string? exec = null) => Stdio.ClientOf(ProcessRef.Parse(id, exec));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _services.DisposeAsync();

    private static Core.Domain.Containers.Stdio Streams(string name, bool stdin, bool terminal) =>
        new(stdin ? $"/fifos/{name}-in" : "", $"/fifos/{name}-out", terminal ? "" : $"/fifos/{name}-err", terminal);
}
