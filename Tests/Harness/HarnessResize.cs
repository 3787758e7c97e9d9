using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Tests.Harness.Agent;

namespace Kata.Tests.Harness;

/// <summary>Changes the size of a machine in memory.</summary>
public sealed class HarnessResize(HarnessHost host, HarnessGuest guest, VmResources start) : IVmResize
{
    private readonly int _startVcpus = start.Vcpus;
    private VmResources _reached = start;

    /// <summary>vCPUs for which there are slots.</summary>
    public int MostVcpus { get; init; } = int.MaxValue;

    /// <inheritdoc/>
    public async Task<VmResources> ResizeAsync(VmResources wanted, CancellationToken ct)
    {
        if (wanted.Vcpus != _reached.Vcpus)
        {
            await host.EnterAsync(wanted.Vcpus > _reached.Vcpus ? "machine.add-vcpus" : "machine.remove-vcpus", ct);
            RequireAlive();
            guest.Vcpus = Math.Min(Math.Clamp(wanted.Vcpus, _startVcpus, _reached.MaxVcpus), MostVcpus);
        }

        if (wanted.MemoryMib > _reached.MemoryMib)
        {
            await host.EnterAsync("machine.add-memory", ct);
            RequireAlive();
            guest.MemoryMib = Math.Min(wanted.MemoryMib, _reached.MaxMemoryMib);
        }

        return _reached = _reached with { Vcpus = guest.Vcpus, MemoryMib = guest.MemoryMib };
    }

    private void RequireAlive()
    {
        if (host.Machine is { Exited.IsCompleted: true } machine)
            throw machine.Ended();
    }
}
