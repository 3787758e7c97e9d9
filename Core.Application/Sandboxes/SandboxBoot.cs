using Kata.Core.Application.Containers.Volumes;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Monitoring;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// The boot of the sandbox as named steps under one deadline. A step that fails leaves the sandbox Broken; what has
/// been acquired by then is in the ledger and the open handles, and the caller stops the sandbox to give it back.
/// </summary>
internal sealed class SandboxBoot(
    LiveSandbox sandbox,
    ISandboxStore store,
    ISettingsSource settingsSource,
    SandboxCgroups cgroups,
    ISharedFilesystem shares,
    ISandboxNetwork networks,
    IBundleReader bundles,
    IHostFiles files,
    IBootAssets assets,
    IEnumerable<IHypervisor> hypervisors,
    IGuestAgentConnector connector,
    SandboxRecorder recorder,
    SandboxNetworking networking,
    SandboxSizer sizer,
    MachineWatcher machineWatcher,
    PortForwarder portForwarder,
    OomWatcher oomWatcher,
    UnmountWatcher unmountWatcher,
    EventPublisher publisher,
    TimeProvider time,
    ILogger<SandboxBoot> log)
{
    // More pairs of queues than this cost memory and gain nothing that was ever measured.
    private const int MaxQueues = 8;

    /// <summary>
    /// Boots the sandbox for its first container. <paramref name="whileGuestBoots"/> runs beside the guest's boot, once
    /// the share is there.
    /// </summary>
    public async Task RunAsync(
        OciSpec spec,
        RuntimeOptions? options,
        Func<ISharedDirectory?, CancellationToken, Task> whileGuestBoots,
        PhaseTimeline timeline,
        BootLimits limits)
    {
        sandbox.Change(s => s.BeginBoot());
        var begin = time.GetTimestamp();
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        sandbox.BootEnded = ended.Task;
        try
        {
            await BootAsync(spec, options, whileGuestBoots, timeline, limits);
        }
        catch (Exception e)
        {
            var failure = limits.Explain(e, "sandbox start", timeline);
            BootLog.Failed(log, failure.Message);
            await publisher.PublishAsync(sandbox.Change(s => s.RecordBootFailure()));
            throw failure;
        }
        finally
        {
            ended.SetResult();
        }

        BootLog.Ready(log, sandbox.Id, time.GetElapsedTime(begin).TotalMilliseconds,
            string.Join(", ", timeline.Phases.Select(p => $"{p.Name} {p.Elapsed.TotalMilliseconds:0} ms")));
    }

    private async Task BootAsync(
        OciSpec spec, RuntimeOptions? options, Func<ISharedDirectory?, CancellationToken, Task> whileGuestBoots,
        PhaseTimeline timeline, BootLimits limits)
    {
        var ct = limits.Token;
        var settings = sandbox.Settings = await timeline.RunAsync("settings", async () =>
            RuntimeSettingsValidator.Require(await settingsSource.ReadAsync(options, spec.Annotations, ct)));
        limits.Begin(settings);
        var network = SandboxNetworking.NamespaceOf(spec);
        var ledger = sandbox.Ledger = await timeline.RunAsync(
            "claim", () => store.ClaimAsync(sandbox.Id, sandbox.Owner, ct));
        var resources = sizer.Begin(settings, spec);
        var links = sandbox.Links = await timeline.RunAsync(
            "namespace", () => networks.OpenAsync(network, Options(settings, resources), ledger, ct));
        await timeline.RunAsync("cgroup", async () =>
        {
            await cgroups.EnterAsync(settings, spec, ledger, ct);
            sizer.CheckRoom(sandbox.OwnCgroups);
        });

        var placement = new VmPlacement
        {
            StateDirectory = SandboxPaths.State(sandbox.Id),
            NetworkNamespace = links.Namespace,
            Cgroups = sandbox.OwnCgroups,
            // The shim's score is the manager's own, which the kernel spares: what a tenant runs must not have it. Nor
            // is that of a pod's first container, which managers protect, the one of those that come later.
            OomScoreAdjustment = Math.Max(0, spec.Process?.OomScoreAdj ?? 0),
        };
        var finding = timeline.RunAsync("assets", () => assets.FindAsync(settings.Hypervisor, ct));
        var sharing = settings.Hypervisor.SharedFs == "none"
            ? Task.FromResult<ISharedDirectory?>(null)
            : timeline.RunAsync<ISharedDirectory?>("share", async () =>
                sandbox.Share = await shares.StartAsync(sandbox.Id, settings.Hypervisor, placement, ledger, ct));
        var connecting = timeline.RunAsync("network", () => links.AttachAsync(ct));
        await Task.WhenAll(finding, sharing, connecting);
        var share = await sharing;
        var boot = await finding;
        var plan = await connecting;

        var machine = await timeline.RunAsync("launch-vmm", async () =>
            sandbox.Machine = await Hypervisor(settings)
                .LaunchAsync(BuildVm(settings, boot, resources, share, plan), placement, ledger, ct));
        BootLog.Launched(log, machine.ProcessId, machine.Choices);
        if (share is { Daemon: { Lacks.Count: > 0 } daemon })
            BootLog.FilesLack(log, daemon.Name, string.Join("; ", daemon.Lacks));
        await cgroups.MoveVcpusAsync(ct);

        using var alive = limits.WhileAlive(machine, share);
        await BothAsync(
            timeline.RunAsync("prepare", () => whileGuestBoots(share, alive.Token)),
            OpenGuestAsync(settings, spec, resources, share, plan, machine, timeline, limits, alive.Token),
            alive);

        limits.RecordAnswer();
        ct.ThrowIfCancellationRequested();
        var raised = sandbox.Change(s => s.RecordGuestAnswer());
        machineWatcher.Start(machine, share, sandbox.Agent!);
        // A namespace that nobody but us knows has no callers.
        if (network is not null)
            sandbox.Ports = await portForwarder.StartAsync(links.Namespace, sandbox.Agent!);
        oomWatcher.Start(sandbox.Agent!);
        if (share is not null)
            unmountWatcher.Start(share, sandbox.Agent!);
        await recorder.SaveAsync();
        await publisher.PublishAsync(raised);
    }

    private async Task OpenGuestAsync(
        RuntimeSettings settings,
        OciSpec spec,
        VmResources resources,
        ISharedDirectory? share,
        NetworkPlan plan,
        IVirtualMachine machine,
        PhaseTimeline timeline,
        BootLimits limits,
        CancellationToken alive)
    {
        // While the guest boots.
        var opening = await BuildGuestAsync(settings, spec, share, alive);
        using var dial = limits.Dial(settings.Guest.DialTimeout, alive);
        var agent = await timeline.RunAsync(
            "agent", async () => sandbox.Agent = await connector.ConnectAsync(machine.Guest, dial.Token));
        if (plan.Guest.Interfaces.Count > 0)
            await timeline.RunAsync("guest-network", () => networking.ApplyFirstAsync(plan, agent, dial.Token));
        sandbox.Guest = await timeline.RunAsync("open-sandbox", () => agent.OpenAsync(opening, dial.Token));
        if (resources.Vcpus > 1)
            await timeline.RunAsync("online-cpus", () => agent.OnlineResourcesAsync(resources, dial.Token));
    }

    // Neither outlives the other: what one of them still acquired would be missed by whoever gives back.
    private static async Task BothAsync(Task one, Task other, CancellationTokenSource both)
    {
        var first = await Task.WhenAny(one, other);
        if (!first.IsCompletedSuccessfully)
            await both.CancelAsync();
        await Task.WhenAll(one, other);
    }

    private NetworkOptions Options(RuntimeSettings settings, VmResources resources) => new(
        sandbox.Id.Value,
        settings.Interworking,
        settings.Hypervisor.NetworkQueues is > 0 and var queues ? queues : Math.Min(resources.Vcpus, MaxQueues));

    private IHypervisor Hypervisor(RuntimeSettings settings) =>
        hypervisors.FirstOrDefault(h => h.Name == settings.Hypervisor.Name)
        ?? throw new KataException(ErrorKind.InvalidArgument,
            $"hypervisor \"{settings.Hypervisor.Name}\" of {settings.Source} is not one of: "
            + $"{string.Join(", ", hypervisors.Select(h => h.Name))}");

    private VmSpec BuildVm(
        RuntimeSettings settings, BootAssets boot, VmResources resources, ISharedDirectory? share, NetworkPlan plan)
    {
        var h = settings.Hypervisor;
        var devices = new List<Device> { new RngDevice(HostPath.Parse(h.EntropySource, "entropy_source")) };
        if (share is not null)
            devices.Add(share.VmDevice);
        devices.AddRange(plan.Devices);
        return new VmSpec
        {
            Sandbox = sandbox.Id,
            Name = $"sandbox-{sandbox.Id}",
            Machine = new MachineOptions
            {
                Program = HostPath.Parse(h.Path, "hypervisor path"),
                MachineType = h.MachineType,
                MachineAccelerators = h.MachineAccelerators,
                CpuFeatures = h.CpuFeatures,
                Firmware = h.Firmware.Length > 0 ? HostPath.Parse(h.Firmware, "firmware") : null,
                Accelerator = h.Accelerator,
                SeccompSandbox = h.SeccompSandbox,
                Channel = h.Channel,
                VsockDaemon = h.VsockDaemon.Length > 0 ? HostPath.Parse(h.VsockDaemon, "vhost_vsock_daemon") : null,
                VhostNet = !h.DisableVhostNet,
                Debug = h.Debug,
                ControlTimeout = settings.Guest.DialTimeout < MachineOptions.LongestControlTimeout
                    ? settings.Guest.DialTimeout
                    : MachineOptions.LongestControlTimeout,
            },
            Boot = boot with { KernelParameters = [.. boot.KernelParameters, .. AgentParameters(settings)] },
            Resources = resources,
            Devices = devices,
        };
    }

    private static IEnumerable<string> AgentParameters(RuntimeSettings settings)
    {
        if (settings.Guest.Debug)
            yield return "agent.log=debug";
        if (settings.Guest.DebugConsole)
        {
            yield return "agent.debug_console";
            yield return "agent.debug_console_vport=1026";
        }
    }

    private async Task<GuestSandboxSpec> BuildGuestAsync(
        RuntimeSettings settings, OciSpec spec, ISharedDirectory? share, CancellationToken ct)
    {
        var nameServers = spec.Mounts.LastOrDefault(m => m.Destination == "/etc/resolv.conf") is { } mount
            && HostPath.TryParse(mount.Source) is { } source
            ? await bundles.ReadLinesAsync(source, ct)
            : [];
        var storages = new List<GuestMount>();
        if (share is not null)
        {
            storages.Add(new GuestMount
            {
                Driver = "virtio-fs",
                Source = GuestPaths.ShareTag,
                FsType = "virtiofs",
                MountPoint = GuestPaths.Share,
                Options = settings.Hypervisor.VirtioFsDaxMib > 0 ? ["dax"] : [],
            });
        }

        storages.Add(new GuestMount
        {
            Driver = "ephemeral",
            Source = "shm",
            FsType = "tmpfs",
            MountPoint = GuestPaths.SandboxShm,
            Options = ["noexec", "nosuid", "nodev", "mode=1777",
                $"size={await SharedMemory.SizeAsync(spec, files, ct)}"],
        });

        return new GuestSandboxSpec
        {
            Sandbox = sandbox.Id,
            Hostname = GuestDefaults.CutHostname(spec.Hostname ?? ""),
            Dns = nameServers,
            Storages = storages,
            KernelModules = settings.Guest.KernelModules,
        };
    }
}
