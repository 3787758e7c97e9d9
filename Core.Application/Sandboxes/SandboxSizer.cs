using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Keeps the machine as large as its containers have reserved: asks VMM and guest for what <see cref="MachineSize"/>
/// says is next, and records what they have come to.
/// </summary>
internal sealed class SandboxSizer(
    ContainerRegistry containers, ISandboxCgroup cgroups, SandboxCgroups placement, VcpuBinding binding,
    ILogger<SandboxSizer> log)
{
    private const long Mib = 1024 * 1024;

    // An idle guest with its agent, and what serves it on the host.
    private const int MinRoomMib = 160;

    // What guests on x86 have unless their machine is very large.
    private const int UsualBlockMib = 128;

    // One at a time: two that grow at once would each see the other's memory as free.
    private readonly SemaphoreSlim _turn = new(1, 1);

    // The host's CPUs and memory nodes that the sandbox was bound to last.
    private (CpuList Cpus, CpuList Nodes) _bound = (CpuList.Empty, CpuList.Empty);

    /// <summary>The machine to start for its first container.</summary>
    /// <exception cref="KataException">ResourceExhausted if its memory would exceed the maximum.</exception>
    public SandboxMachine Design(RuntimeSettings settings, OciSpec spec)
    {
        var h = settings.Hypervisor;
        var bounds = MachineBounds.Of(
            h.DefaultVcpus, h.MaxVcpus, h.MemoryMib, h.MaxMemoryMib, h.MemorySlots, settings.StaticSandboxResources,
            Environment.ProcessorCount);
        var workload = Workload.FromPodAnnotations(spec.Annotations) ?? Workload.Of(spec.Linux?.Resources);
        WarnIfCapped(bounds, workload);
        return new SandboxMachine(bounds, workload);
    }

    /// <summary>
    /// Refuses a pod whose cgroup leaves no room for a machine; tells one whose machine will not fit once it is used.
    /// </summary>
    /// <exception cref="KataException">InvalidArgument with both figures.</exception>
    public void CheckRoom(MachineSize size, IReadOnlyList<HostPath> cgroup)
    {
        if (cgroups.MemoryLimit(cgroup) is not { } limit)
            return;
        if (limit / Mib < MinRoomMib)
        {
            throw new KataException(ErrorKind.InvalidArgument,
                $"the pod's cgroup allows {limit / Mib} MiB of memory, "
                + $"less than the {MinRoomMib} MiB that a virtual machine needs at least: "
                + "raise the pod's limit, or overhead.podFixed of its RuntimeClass");
        }

        if (limit / Mib < size.Present.MemoryMib)
            SizingLog.LittleRoom(log, limit / Mib, size.Present.MemoryMib);
    }

    /// <summary>
    /// Grows the machine for a container's limits, before the guest is told of them, and remembers them as reserved.
    /// Limits that are lower than before are only remembered.
    /// </summary>
    /// <returns>The vCPUs that stand for the CPUs of the host that it is bound to; none for none.</returns>
    /// <exception cref="KataException">ResourceExhausted if the memory cannot be had; what was reserved before
    /// stays.</exception>
    public async Task<CpuList> ReserveAsync(
        SandboxHandles.Ready sandbox, ContainerId id, OciResources? limits, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            var (size, asked) = (CurrentSize(sandbox), Workload.Of(limits));
            await ResizeAsync(sandbox, size.RequiredWith(id, asked), mayShrink: false, ct);
            await ApplyCpusetAsync(sandbox, id, limits, ct);
            size.Reserve(id, asked);
            return binding.Choose(containers.Find(id), asked, size.OnlineVcpus);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Takes vCPUs away again that no container has reserved any more. Does not fail.</summary>
    public async Task ShrinkAsync(SandboxHandles.Ready sandbox, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            await ResizeAsync(sandbox, CurrentSize(sandbox).Required(), mayShrink: true, ct);
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

    // A container that has ended needs nothing any more, deleted or not.
    private MachineSize CurrentSize(SandboxHandles.Ready sandbox)
    {
        var size = sandbox.Machine.Size;
        size.KeepOnly(containers.Living.Select(c => c.Aggregate.Id).ToHashSet());
        return size;
    }

    // On the host the machine runs where any of its containers may. A pod's own limits are the sum of theirs.
    private async Task ApplyCpusetAsync(
        SandboxHandles.Ready sandbox, ContainerId id, OciResources? limits, CancellationToken ct)
    {
        var others = containers.Living
            .Where(c => c.Aggregate.Id != id && c.Aggregate.Kind != ContainerKind.PodSandbox);
        var all = others.Select(c => c.Limits?.Cpu).Append(limits?.Cpu).OfType<OciCpu>().ToList();
        var (cpus, nodes) = (Union(all.Select(cpu => cpu.Cpus)), Union(all.Select(cpu => cpu.Mems)));
        if ((cpus, nodes) == _bound || (cpus.Count == 0 && nodes.Count == 0) || sandbox.Cgroups.Pod.Count == 0)
            return;
        await cgroups.ApplyAsync(
            sandbox.Cgroups.Pod,
            new OciResources { Cpu = new OciCpu { Cpus = cpus.ToString(), Mems = nodes.ToString() } },
            ct);
        _bound = (cpus, nodes);
    }

    private static CpuList Union(IEnumerable<string?> lists) =>
        lists.Aggregate(CpuList.Empty, (all, text) => CpuList.TryParse(text, out var list) ? all.Union(list) : all);

    private async Task ResizeAsync(
        SandboxHandles.Ready sandbox, Workload required, bool mayShrink, CancellationToken ct)
    {
        if (sandbox.Vm.Resize is not { } resize)
            return;
        if (sandbox.Machine.Size.NextVcpus(required, mayShrink) is { } vcpus)
        {
            WarnIfCapped(sandbox.Machine.Size.Bounds, required);
            await ResizeVcpusAsync(sandbox, resize, vcpus, ct);
        }

        await GrowMemoryAsync(sandbox, resize, required, ct);
    }

    private async Task ResizeVcpusAsync(
        SandboxHandles.Ready sandbox, IVmResize resize, int wanted, CancellationToken ct)
    {
        var size = sandbox.Machine.Size;
        var before = size.Present;
        try
        {
            if (wanted < size.OnlineVcpus)
                await FollowVcpusAsync(sandbox, wanted, ct);
            size.RecordResize(await resize.ResizeAsync(before with { Vcpus = wanted }, ct));
            await placement.MoveVcpusAsync(sandbox.Cgroups, sandbox.Vm, ct);
            if (size.Present.Vcpus > before.Vcpus)
                await sandbox.Agent.OnlineResourcesAsync(size.Present with { MemoryMib = 0 }, ct);
            if (size.Present.Vcpus != size.OnlineVcpus)
                await FollowVcpusAsync(sandbox, size.Present.Vcpus, ct);
        }
        catch (KataException e) when (e.Kind != ErrorKind.Unavailable)
        {
            SizingLog.FewerVcpus(log, wanted, size.Present.Vcpus, e.Message);
            return;
        }

        if (size.Present.Vcpus < wanted)
            SizingLog.FewerVcpus(log, wanted, size.Present.Vcpus, "no free vCPU slot");
        else if (size.Present.Vcpus != before.Vcpus)
            SizingLog.Vcpus(log, before.Vcpus, size.Present.Vcpus);
    }

    // Those that go are left before they do, those that come are used once they are online.
    private Task FollowVcpusAsync(SandboxHandles.Ready sandbox, int vcpus, CancellationToken ct)
    {
        sandbox.Machine.Size.RecordOnlineVcpus(vcpus);
        return binding.FollowAsync(sandbox, vcpus, ct);
    }

    private async Task GrowMemoryAsync(
        SandboxHandles.Ready sandbox, IVmResize resize, Workload required, CancellationToken ct)
    {
        var size = sandbox.Machine.Size;
        var before = size.OnlineMemoryMib;
        while (size.NextMemory(required, BlockMib(sandbox.Guest)) is { } next)
            await AddMemoryAsync(sandbox, resize, next, required, ct);
        if (size.OnlineMemoryMib == before)
            return;
        SizingLog.Memory(log, before, size.OnlineMemoryMib);
        await GrowMountsAsync(sandbox, ct);
    }

    private static int BlockMib(GuestDetails guest) =>
        guest.MemoryBlockBytes > 0 ? (int)Math.Clamp(guest.MemoryBlockBytes / Mib, 1, 64 * 1024) : UsualBlockMib;

    private static async Task AddMemoryAsync(
        SandboxHandles.Ready sandbox, IVmResize resize, int next, Workload required, CancellationToken ct)
    {
        var size = sandbox.Machine.Size;
        try
        {
            if (next > size.Present.MemoryMib)
                size.RecordResize(await resize.ResizeAsync(size.Present with { MemoryMib = next }, ct));

            // The vCPUs that are missing have been told of; here they must not be waited for again.
            if (size.Present.MemoryMib > size.OnlineMemoryMib)
                await sandbox.Agent.OnlineResourcesAsync(size.Present with { Vcpus = 0 }, ct);
        }
        catch (KataException e) when (e.Kind != ErrorKind.Unavailable)
        {
            throw size.TooMuchMemory(required, e.Message);
        }

        if (size.Present.MemoryMib <= size.OnlineMemoryMib)
            throw size.TooMuchMemory(required, "no memory hot-plug is possible");
        size.RecordOnlineMemory();
    }

    // Volumes in memory that are as large as the machine grow with it. A guest that cannot do that keeps them as they
    // are.
    private async Task GrowMountsAsync(SandboxHandles.Ready sandbox, CancellationToken ct)
    {
        var mounts = containers.All.SelectMany(c => c.MemoryMounts).DistinctBy(m => m.MountPoint).ToList();
        if (mounts.Count == 0)
            return;
        var wanted = $"size={sandbox.Machine.Size.Present.MemoryMib}M";
        try
        {
            await sandbox.Agent.ResizeEphemeralMountsAsync(
                [.. mounts.Select(m => m with { Options = ["remount", wanted, .. m.Options] })], ct);
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
