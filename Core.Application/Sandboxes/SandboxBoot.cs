using Kata.Core.Application.Live;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Application.Watching;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// The boot of the sandbox as named steps under one deadline. A step that fails undoes all of them before the failure is
/// told, with the phase, the times, the VMM's end and its last words.
/// </summary>
internal sealed class SandboxBoot(
    LiveSandbox sandbox,
    ISandboxStore store,
    ISettingsSource settingsSource,
    ISandboxCgroup cgroups,
    ISharedFilesystem shares,
    IBootAssets assets,
    IEnumerable<IHypervisor> hypervisors,
    IGuestAgentConnector connector,
    SandboxTeardown teardown,
    SandboxRecorder recorder,
    MachineWatcher machineWatcher,
    OomWatcher oomWatcher,
    FactPublisher publisher,
    TimeProvider time,
    ILogger<SandboxBoot> log)
{
    /// <summary>
    /// Boots the sandbox for its first container. <paramref name="whileGuestBoots"/> runs beside the guest's boot, once the
    /// share is there.
    /// </summary>
    public async Task RunAsync(
        OciSpec spec, RuntimeOptions? options, Func<ISharedDirectory?, CancellationToken, Task> whileGuestBoots, CancellationToken ct)
    {
        sandbox.Change(s => s.BeginBoot());
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        sandbox.BootEnded = ended.Task;
        var timeline = new PhaseTimeline(time, (phase, isEnd, since) => store.WritePhase(sandbox.Id, phase, isEnd, since));
        try
        {
            using var limits = new BootLimits(sandbox, time, ct);
            try
            {
                await BootAsync(spec, options, whileGuestBoots, timeline, limits);
            }
            catch (Exception e)
            {
                var failure = Explain(e, timeline, limits);
                await UndoAsync();
                BootLog.Failed(log, failure.Message);
                throw failure;
            }
        }
        finally
        {
            ended.SetResult();
        }

        BootLog.Ready(log, sandbox.Id, timeline.Elapsed.TotalMilliseconds,
            string.Join(", ", timeline.Phases.Select(p => $"{p.Name} {p.Elapsed.TotalMilliseconds:0} ms")));
    }

    private async Task BootAsync(
        OciSpec spec, RuntimeOptions? options, Func<ISharedDirectory?, CancellationToken, Task> whileGuestBoots, PhaseTimeline timeline, BootLimits limits)
    {
        var ct = limits.Token;
        var settings = sandbox.Settings = await timeline.RunAsync("settings", () => settingsSource.ReadAsync(options, spec.Annotations, ct));
        limits.Begin(settings);
        var ledger = sandbox.Ledger = await timeline.RunAsync("claim", () => store.ClaimAsync(sandbox.Id, sandbox.Owner, ct));

        if (settings.SandboxCgroupOnly)
        {
            sandbox.Cgroups = await timeline.RunAsync("cgroup", () => cgroups.CreateAsync(spec.Linux?.CgroupsPath, ledger, ct));
            await cgroups.MoveAsync(sandbox.Cgroups, Environment.ProcessId, ct);
        }

        var placement = new VmPlacement { StateDirectory = SandboxPaths.State(sandbox.Id), Cgroups = sandbox.Cgroups };
        var finding = timeline.RunAsync("assets", () => assets.FindAsync(settings.Hypervisor, ct));
        var sharing = settings.Hypervisor.SharedFs == "none"
            ? Task.FromResult<ISharedDirectory?>(null)
            : timeline.RunAsync<ISharedDirectory?>("share", async () =>
                sandbox.Share = await shares.StartAsync(sandbox.Id, settings.Hypervisor, placement, ledger, ct));
        await Task.WhenAll(finding, sharing);
        var share = await sharing;

        var vm = BuildVm(settings, await finding, spec, share);
        var machine = sandbox.Machine = await timeline.RunAsync("launch-vmm", () => Hypervisor(settings).LaunchAsync(vm, placement, ledger, ct));
        BootLog.Launched(log, machine.ProcessId, machine.Choices);

        var beside = timeline.RunAsync("prepare", () => whileGuestBoots(share, ct));
        try
        {
            using var dial = limits.WhileAlive(machine, share, settings.Guest.DialTimeout);
            sandbox.Agent = await timeline.RunAsync("agent", () => connector.ConnectAsync(machine.Guest, dial.Token));
            sandbox.Guest = await timeline.RunAsync("open-sandbox", () => sandbox.Agent.OpenAsync(BuildGuest(settings, spec, share), dial.Token));
            if (vm.Resources.Vcpus > 1)
                await timeline.RunAsync("online-cpus", () => sandbox.Agent.OnlineResourcesAsync(vm.Resources, dial.Token));
        }
        finally
        {
            await beside.WaitAsync(CancellationToken.None).ContinueWith(_ => { }, TaskScheduler.Default);
        }

        await beside;
        ct.ThrowIfCancellationRequested();
        var facts = sandbox.Change(s => s.RecordGuestAnswer());
        machineWatcher.Start();
        oomWatcher.Start();
        await recorder.SaveAsync(ct);
        await publisher.PublishAsync(facts);
    }

    private async Task UndoAsync()
    {
        var facts = sandbox.Change(s => s.RecordBootFailure());
        var left = await teardown.RunAsync(sandbox, closeGuest: false);
        if (left.Length > 0)
            BootLog.NotUndone(log, left);
        await publisher.PublishAsync(facts);
    }

    private IHypervisor Hypervisor(RuntimeSettings settings) =>
        hypervisors.FirstOrDefault(h => h.Name == settings.Hypervisor.Name)
        ?? throw new KataException(ErrorKind.InvalidArgument,
            $"hypervisor \"{settings.Hypervisor.Name}\" of {settings.Source} is not one of: {string.Join(", ", hypervisors.Select(h => h.Name))}");

    private VmSpec BuildVm(RuntimeSettings settings, BootAssets boot, OciSpec spec, ISharedDirectory? share)
    {
        var h = settings.Hypervisor;
        var devices = new List<Device> { new RngDevice(HostPath.Parse(h.EntropySource, "entropy_source")) };
        if (share is not null)
            devices.Add(share.VmDevice);
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
            },
            Boot = boot with { KernelParameters = [.. boot.KernelParameters, .. AgentParameters(settings)] },
            Resources = Sizing.ForSandbox(h.DefaultVcpus, h.MaxVcpus, h.MemoryMib, h.MaxMemoryMib, h.MemorySlots, Environment.ProcessorCount, spec),
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

    private GuestSandboxSpec BuildGuest(RuntimeSettings settings, OciSpec spec, ISharedDirectory? share)
    {
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
            Options = ["noexec", "nosuid", "nodev", "mode=1777", $"size={GuestDefaults.ShmBytes}"],
        });

        return new GuestSandboxSpec
        {
            Sandbox = sandbox.Id,
            Hostname = GuestDefaults.CutHostname(spec.Hostname ?? ""),
            Storages = storages,
            KernelModules = settings.Guest.KernelModules,
        };
    }

    private KataException Explain(Exception cause, PhaseTimeline timeline, BootLimits limits)
    {
        if (sandbox.BootCancelled.IsCancellationRequested)
            return SandboxErrors.StoppedWhileBooting(sandbox.Id);

        var (kind, text) = limits.Translate(cause, sandbox);
        var known = (cause as KataException)?.Report;
        var machine = sandbox.Machine;
        var report = new FailureReport
        {
            Phase = timeline.FailedPhase,
            After = timeline.Elapsed,
            Phases = timeline.Phases,
            Vmm = known?.Vmm ?? (machine is { Exited.IsCompletedSuccessfully: true } ? machine.Exited.Result.End : null),
            VmmErrors = known?.VmmErrors is { Count: > 0 } errors ? errors : machine?.ErrorTail ?? [],
            Console = known?.Console is { Count: > 0 } console ? console : machine?.ConsoleTail ?? [],
            Hint = known?.Hint,
        };
        return SandboxErrors.BootFailed(kind, text, report, cause);
    }
}
