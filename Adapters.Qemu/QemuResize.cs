using System.Text.Json;
using Kata.Adapters.Qemu.Qmp;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;

namespace Kata.Adapters.Qemu;

/// <summary>
/// Adds vCPUs and memory to a running machine, and takes added vCPUs away again. Those that have been there since the
/// launch, as all of an emulated machine, are given first and stay. Memory stays too: a guest cannot empty a bank that
/// it has used, and what nobody uses is not the host's loss.
/// </summary>
internal sealed class QemuResize(QemuControl control, VmResources start, TimeProvider time) : IVmResize
{
    /// <summary>The guest's kernel takes memory in sections of this size.</summary>
    private const int SectionMib = 128;

    private const long Mib = 1024 * 1024;

    private const string AddedCpu = "/machine/peripheral/";

    /// <summary>An idle guest answers in a hundredth of this; one that does not answer never will.</summary>
    private static readonly TimeSpan GuestTime = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Memory that is plugged and that the guest has not taken yet.</summary>
    private readonly List<(int Mib, Task<int> Answer)> _waiting = [];

    private readonly int _startVcpus = start.Vcpus;
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
            else if (wanted.Vcpus < _reached.Vcpus)
                await RemoveVcpusAsync(Math.Max(wanted.Vcpus, _startVcpus), ct);
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
        // QEMU lists the highest socket first.
        var slots = (await SlotsAsync(ct)).Reverse().ToList();
        _reached = _reached with { Vcpus = Math.Min(wanted, slots.Count(IsFilled)) };
        foreach (var slot in slots.Where(slot => !IsFilled(slot)))
        {
            if (_reached.Vcpus >= wanted)
                return;
            var arguments = slot.GetProperty("props").EnumerateObject().ToDictionary(p => p.Name, p => p.Value);
            arguments["driver"] = slot.GetProperty("type");
            arguments["id"] = JsonSerializer.SerializeToElement($"cpu-{_cpusAdded++}", QmpJson.Default.String);
            await control.ExecuteAsync(
                "device_add", arguments, QmpJson.Default.DictionaryStringJsonElement, "add a vCPU", ct);
            _reached = _reached with { Vcpus = _reached.Vcpus + 1 };
        }
    }

    // The highest first, so that the guest's numbers stay without a hole.
    private async Task RemoveVcpusAsync(int wanted, CancellationToken ct)
    {
        foreach (var slot in await SlotsAsync(ct))
        {
            if (_reached.Vcpus <= wanted)
                return;
            if (PathOf(slot) is not { } path || !path.StartsWith(AddedCpu, StringComparison.Ordinal))
                continue;
            await control.RemoveDeviceAsync(path[AddedCpu.Length..], GuestTime, time, ct);
            _reached = _reached with { Vcpus = _reached.Vcpus - 1 };
        }
    }

    private async Task<IEnumerable<JsonElement>> SlotsAsync(CancellationToken ct) =>
        (await control.ExecuteAsync("query-hotpluggable-cpus", "tell its CPU slots", ct)).EnumerateArray();

    private static bool IsFilled(JsonElement slot) => PathOf(slot) is not null;

    private static string? PathOf(JsonElement slot) =>
        slot.TryGetProperty("qom-path", out var path) ? path.GetString() : null;

    private async Task AddMemoryAsync(int wanted, CancellationToken ct)
    {
        CountTaken();
        var plugged = _reached.MemoryMib + _waiting.Sum(w => w.Mib);

        // Up to a whole section, but not beyond the bound.
        var mib = (wanted - plugged + SectionMib - 1) / SectionMib * SectionMib;
        if (plugged + mib > _reached.MaxMemoryMib)
            mib -= SectionMib;
        if (mib > 0 && _dimmsAdded < _reached.MemorySlots)
            _waiting.Add((mib, await PlugAsync(mib, ct)));

        try
        {
            await Task.WhenAll(_waiting.Select(w => w.Answer)).WaitAsync(GuestTime, time, ct);
        }
        catch (TimeoutException)
        {
            throw new KataException(
                ErrorKind.DeadlineExceeded,
                $"the guest did not take {_waiting.Sum(w => w.Mib)} MiB of memory within {GuestTime.TotalSeconds} s");
        }

        CountTaken();
        if (_waiting.Count > 0)
            throw new KataException(
                ErrorKind.FailedPrecondition,
                $"the guest refused {_waiting[0].Mib} MiB of memory with ACPI status {await _waiting[0].Answer}");
    }

    private async Task<Task<int>> PlugAsync(int mib, CancellationToken ct)
    {
        var number = _dimmsAdded++;
        var memory = new AddMemory($"ram-{number}", mib * Mib);
        var dimm = $"dimm-{number}";
        await control.ExecuteAsync("object-add", memory, QmpJson.Default.AddMemory, $"get {mib} MiB of memory", ct);
        var answer = control.ExpectAnswer(dimm);
        try
        {
            await control.ExecuteAsync(
                "device_add", new AddDevice("pc-dimm", dimm) { Memory = memory.Id }, QmpJson.Default.AddDevice,
                "add memory", ct);
            return answer;
        }
        catch (KataException refused) when (refused.Kind != ErrorKind.Unavailable)
        {
            _dimmsAdded--;
            await control.ExecuteAsync(
                "object-del", new ById(memory.Id), QmpJson.Default.ById, "give the memory back",
                CancellationToken.None);
            throw;
        }
    }

    private void CountTaken()
    {
        foreach (var (mib, _) in _waiting.Where(w => w.Answer is { IsCompletedSuccessfully: true, Result: 0 }))
            _reached = _reached with { MemoryMib = _reached.MemoryMib + mib };
        _waiting.RemoveAll(w => w.Answer is { IsCompletedSuccessfully: true, Result: 0 });
    }
}
