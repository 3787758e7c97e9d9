using System.Text.Json;
using Kata.Adapters.Qemu.Qmp;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;

namespace Kata.Adapters.Qemu;

/// <summary>
/// Adds vCPUs and memory to a running machine. Neither is ever taken away: a guest that does not let go would keep its
/// container waiting, and what is unused costs little.
/// </summary>
internal sealed class QemuResize(QemuControl control, VmResources start) : IVmResize
{
    /// <summary>The guest's kernel takes memory in sections of this size.</summary>
    private const int SectionMib = 128;

    private const long Mib = 1024 * 1024;

    private readonly SemaphoreSlim _turn = new(1, 1);
    private VmResources _reached = start;
    private int _cpusAdded;
    private int _dimmsAdded;

    public async Task<VmResources> ResizeAsync(VmResources wanted, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            if (wanted.Vcpus > _reached.Vcpus)
                await AddVcpusAsync(Math.Min(wanted.Vcpus, _reached.MaxVcpus), ct);
            if (wanted.MemoryMib > _reached.MemoryMib)
                await AddMemoryAsync(Math.Min(wanted.MemoryMib, _reached.MaxMemoryMib), ct);
            return _reached;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task AddVcpusAsync(int wanted, CancellationToken ct)
    {
        var slots = await control.ExecuteAsync("query-hotpluggable-cpus", "tell its CPU slots", ct);
        // QEMU lists the highest socket first.
        var free = slots.EnumerateArray().Where(slot => !slot.TryGetProperty("qom-path", out _)).Reverse();
        foreach (var slot in free)
        {
            if (_reached.Vcpus >= wanted)
                return;
            var arguments = slot.GetProperty("props").EnumerateObject().ToDictionary(p => p.Name, p => p.Value);
            arguments["driver"] = slot.GetProperty("type");
            arguments["id"] = JsonSerializer.SerializeToElement($"cpu-{_cpusAdded}", QmpJson.Default.String);
            await control.ExecuteAsync("device_add", arguments, QmpJson.Default.DictionaryStringJsonElement, "add a vCPU", ct);
            _cpusAdded++;
            _reached = _reached with { Vcpus = _reached.Vcpus + 1 };
        }
    }

    private async Task AddMemoryAsync(int wanted, CancellationToken ct)
    {
        // Up to a whole section, but not beyond the bound.
        var mib = (wanted - _reached.MemoryMib + SectionMib - 1) / SectionMib * SectionMib;
        if (_reached.MemoryMib + mib > _reached.MaxMemoryMib)
            mib -= SectionMib;
        if (mib <= 0 || _dimmsAdded >= _reached.MemorySlots)
            return;

        var memory = new AddMemory($"ram-{_dimmsAdded}", mib * Mib);
        await control.ExecuteAsync("object-add", memory, QmpJson.Default.AddMemory, $"get {mib} MiB of memory", ct);
        try
        {
            await control.ExecuteAsync(
                "device_add", new AddDevice("pc-dimm", $"dimm-{_dimmsAdded}") { Memory = memory.Id }, QmpJson.Default.AddDevice, "add memory", ct);
        }
        catch (KataException refused) when (refused.Kind != ErrorKind.Unavailable)
        {
            await control.ExecuteAsync("object-del", new ById(memory.Id), QmpJson.Default.ById, "give the memory back", CancellationToken.None);
            throw;
        }
        _dimmsAdded++;
        _reached = _reached with { MemoryMib = _reached.MemoryMib + mib };
    }
}
