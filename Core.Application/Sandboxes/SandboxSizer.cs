using Kata.Core.Application.Containers;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Keeps the machine as large as its containers are promised. Memory is a promise: a container that cannot have it is
/// refused. vCPUs are a bound: with fewer it runs, only slower, so what is missing is told and no more.
/// </summary>
internal sealed class SandboxSizer(
    LiveSandbox sandbox, ContainerRegistry containers, ISandboxCgroup cgroups, SandboxCgroups placement,
    VcpuBinding binding, ILogger<SandboxSizer> log)
{
    private const long Mib = 1024 * 1024;

    // An idle guest with its agent, and what serves it on the host.
    private const int MinRoomMib = 160;

    // What guests on x86 have unless their machine is very large.
    private const int UsualBlockMib = 128;

    // One at a time: two that grow at once would each see the other's memory as free.
    private readonly SemaphoreSlim _turn = new(1, 1);
    private MachineBounds? _bounds;
    private Workload _atStart = Workload.None;
    private VmResources? _present;

    // The host's CPUs and memory nodes that the sandbox was bound to last.
    private (CpuList Cpus, CpuList Nodes) _bound = (CpuList.Empty, CpuList.Empty);

    // Added memory and vCPUs count once the guest uses them.
    private int _onlineMib;
    private int _onlineVcpus;
    private int _slotsUsed;

    /// <summary>The machine to start for its first container.</summary>
    public VmResources Begin(RuntimeSettings settings, OciSpec spec)
    {
        var h = settings.Hypervisor;
        _bounds = MachineBounds.Of(
            h.DefaultVcpus, h.MaxVcpus, h.MemoryMib, h.MaxMemoryMib, h.MemorySlots, settings.StaticSandboxResources,
            Environment.ProcessorCount);
        _atStart = Workload.FromPodAnnotations(spec.Annotations) ?? Workload.Of(spec.Linux?.Resources);
        WarnIfCapped(_bounds, _atStart);
        _present = Sizing.AtStart(_bounds, _atStart);
        (_onlineMib, _onlineVcpus) = (_present.MemoryMib, _present.Vcpus);
        return _present;
    }

    /// <summary>
    /// Refuses a pod whose cgroup leaves no room for a machine; tells one whose machine will not fit once it is used.
    /// </summary>
    /// <exception cref="KataException">InvalidArgument with both figures.</exception>
    public void CheckRoom(IReadOnlyList<HostPath> ofSandbox)
    {
        if (cgroups.MemoryLimit(ofSandbox) is not { } limit || _present is null)
            return;
        if (limit / Mib < MinRoomMib)
        {
            throw new KataException(ErrorKind.InvalidArgument,
                $"the pod's cgroup allows {limit / Mib} MiB of memory, "
                + $"less than the {MinRoomMib} MiB that a virtual machine needs at least: "
                + "raise the pod's limit, or overhead.podFixed of its RuntimeClass");
        }

        if (limit / Mib < _present.MemoryMib)
            SizingLog.LittleRoom(log, limit / Mib, _present.MemoryMib);
    }

    /// <summary>
    /// Grows the machine for a container's limits, before the guest is told of them, and remembers them as promised.
    /// Limits that are lower than before are only remembered.
    /// </summary>
    /// <returns>The vCPUs that stand for the CPUs of the host that it is bound to; none for none.</returns>
    /// <exception cref="KataException">ResourceExhausted if the memory cannot be had; what was promised before
    /// stays.</exception>
    public async Task<CpuList> ReserveAsync(ContainerId id, OciResources? limits, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            var live = containers.Find(id);
            var promise = Workload.Of(limits);
            var all = Workload.Sum([.. Others(id), promise]);
            await ResizeToAsync(all, mayShrink: false, ct);
            await ApplyCpusetAsync(id, limits, ct);
            live.Promised = promise;
            return binding.Choose(live, promise, _onlineVcpus);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Takes vCPUs away again that no container is promised any more. Does not fail.</summary>
    public async Task ShrinkAsync(CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            await ResizeToAsync(Workload.Sum(Others(null)), mayShrink: true, ct);
        }
        catch (KataException e)
        {
            SizingLog.NotShrunk(log, e.Message);
        }
        finally
        {
            _turn.Release();
        }
    }

    // The pause container of a pod is promised nothing of its own: what the pod has is told with it.
    private IEnumerable<Workload> Others(ContainerId? id) => OtherActiveContainers(id).Select(c => c.Promised);

    private IEnumerable<LiveContainer> OtherActiveContainers(ContainerId? id) => containers.Living
        .Where(c => c.Aggregate.Id != id && c.Aggregate.Kind != ContainerKind.PodSandbox);

    // On the host the machine runs where any of its containers may.
    private async Task ApplyCpusetAsync(ContainerId id, OciResources? limits, CancellationToken ct)
    {
        var all = OtherActiveContainers(id).Select(c => c.Limits?.Cpu).Append(limits?.Cpu).OfType<OciCpu>().ToList();
        var (cpus, nodes) = (Union(all.Select(cpu => cpu.Cpus)), Union(all.Select(cpu => cpu.Mems)));
        if ((cpus, nodes) == _bound || (cpus.Count == 0 && nodes.Count == 0) || sandbox.Cgroups.Count == 0)
            return;
        await cgroups.ApplyAsync(
            sandbox.Cgroups, new OciResources { Cpu = new OciCpu { Cpus = cpus.ToString(), Mems = nodes.ToString() } },
            ct);
        _bound = (cpus, nodes);
    }

    private static CpuList Union(IEnumerable<string?> lists) =>
        lists.Aggregate(CpuList.Empty, (all, text) => CpuList.TryParse(text, out var list) ? all.Union(list) : all);

    private async Task ResizeToAsync(Workload workload, bool mayShrink, CancellationToken ct)
    {
        if (_bounds is not { Fixed: false } bounds || _present is null || sandbox.Machine?.Resize is not { } resize)
            return;

        workload = workload.Max(_atStart);
        var vcpus = Sizing.Vcpus(bounds, workload);
        if (vcpus > _present.Vcpus || (mayShrink && vcpus < _present.Vcpus))
        {
            WarnIfCapped(bounds, workload);
            await ResizeVcpusAsync(resize, vcpus, ct);
        }

        var memoryMib = Sizing.Memory(bounds, workload);
        if (memoryMib > _onlineMib)
            await GrowMemoryAsync(bounds, resize, memoryMib, ct);
    }

    private async Task ResizeVcpusAsync(IVmResize resize, int vcpus, CancellationToken ct)
    {
        var before = _present!;
        try
        {
            if (vcpus < _onlineVcpus)
                await FollowVcpusAsync(vcpus, ct);
            _present = await resize.ResizeAsync(before with { Vcpus = vcpus }, ct);
            await placement.MoveVcpusAsync(ct);
            if (_present.Vcpus > before.Vcpus)
                await sandbox.RequireAgent().OnlineResourcesAsync(_present with { MemoryMib = 0 }, ct);
            if (_present.Vcpus != _onlineVcpus)
                await FollowVcpusAsync(_present.Vcpus, ct);
        }
        catch (KataException e) when (e.Kind != ErrorKind.Unavailable)
        {
            SizingLog.FewerVcpus(log, vcpus, _present!.Vcpus, e.Message);
            return;
        }

        if (_present.Vcpus < vcpus)
            SizingLog.FewerVcpus(log, vcpus, _present.Vcpus, "no free vCPU slot");
        else if (_present.Vcpus != before.Vcpus)
            SizingLog.Vcpus(log, before.Vcpus, _present.Vcpus);
    }

    // Those that go are left before they do, those that come are used once they are online.
    private Task FollowVcpusAsync(int vcpus, CancellationToken ct)
    {
        _onlineVcpus = vcpus;
        return binding.FollowAsync(vcpus, ct);
    }

    private async Task GrowMemoryAsync(MachineBounds bounds, IVmResize resize, long wantedMib, CancellationToken ct)
    {
        var before = _present!;
        var blockMib = sandbox.Guest is { MemoryBlockBytes: > 0 } guest
            ? (int)Math.Clamp(guest.MemoryBlockBytes / Mib, 1, 64 * 1024)
            : UsualBlockMib;
        if (wantedMib > before.MaxMemoryMib)
            throw Sizing.TooMuchMemory(bounds, wantedMib, before);

        while (_onlineMib < wantedMib)
        {
            var next = Sizing.NextMemory(_present!, wantedMib, blockMib, _slotsUsed);
            if (next == _onlineMib)
            {
                throw Sizing.TooMuchMemory(bounds, wantedMib, _present, _slotsUsed >= _present!.MemorySlots
                    ? $"all {_present!.MemorySlots} memory slots are used: raise memory_slots or default_memory"
                    : null);
            }

            await StepAsync(bounds, resize, next, wantedMib, ct);
        }

        SizingLog.Memory(log, before.MemoryMib, _present!.MemoryMib);
        await GrowMountsAsync(ct);
    }

    private async Task StepAsync(MachineBounds bounds, IVmResize resize, int next, long wantedMib, CancellationToken ct)
    {
        try
        {
            if (next > _present!.MemoryMib)
            {
                var before = _present.MemoryMib;
                _present = await resize.ResizeAsync(_present with { MemoryMib = next }, ct);
                if (_present.MemoryMib > before)
                    _slotsUsed++;
            }

            // The vCPUs that are missing have been told of; here they must not be waited for again.
            if (_present.MemoryMib > _onlineMib)
                await sandbox.RequireAgent().OnlineResourcesAsync(_present with { Vcpus = 0 }, ct);
        }
        catch (KataException e) when (e.Kind != ErrorKind.Unavailable)
        {
            throw Sizing.TooMuchMemory(bounds, wantedMib, _present, e.Message);
        }

        if (_present.MemoryMib <= _onlineMib)
            throw Sizing.TooMuchMemory(bounds, wantedMib, _present, "no memory hot-plug is possible");
        _onlineMib = _present.MemoryMib;
    }

    // Volumes in memory that are as large as the machine grow with it. A guest that cannot do that keeps them as they
    // are.
    private async Task GrowMountsAsync(CancellationToken ct)
    {
        var mounts = containers.All.SelectMany(c => c.MemoryMounts).DistinctBy(m => m.MountPoint).ToList();
        if (mounts.Count == 0)
            return;
        try
        {
            await sandbox.RequireAgent().ResizeEphemeralMountsAsync(
                [.. mounts.Select(m => m with { Options = ["remount", $"size={_present!.MemoryMib}M", .. m.Options] })],
                ct);
        }
        catch (KataException e) when (e.Kind != ErrorKind.Unavailable)
        {
            SizingLog.MountsKeepSize(log, e.Message);
        }
    }

    private void WarnIfCapped(MachineBounds bounds, Workload workload)
    {
        var asked = Sizing.RequestedVcpus(bounds, workload);
        if (asked > bounds.MaxVcpus)
            SizingLog.Capped(log, asked, bounds.MaxVcpus);
    }
}
