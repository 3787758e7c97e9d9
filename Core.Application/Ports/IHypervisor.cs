using Kata.Core.Domain;
using Kata.Core.Domain.Machines;

namespace Kata.Core.Application.Ports;

/// <summary>Makes virtual machines.</summary>
public interface IHypervisor
{
    /// <summary>The name by which the settings choose it: <c>qemu</c>, <c>clh</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Starts a machine and returns once its VMM can be talked to; the guest boots on. Every process, socket and file
    /// is recorded in <paramref name="ledger"/> before it is made. On failure and cancellation nothing of it is left
    /// running; what could not be released stays recorded.
    /// </summary>
    /// <exception cref="Kata.Core.Domain.KataException">
    /// With a report that holds the VMM's end, the tail of its standard error and of the guest console, as far as
    /// known. InvalidArgument for choices that this VMM does not know, PermissionDenied, ResourceExhausted, Unavailable
    /// if the VMM ended, DeadlineExceeded if it did not answer within <see cref="MachineOptions.ControlTimeout"/>.
    /// </exception>
    Task<IVirtualMachine> LaunchAsync(VmSpec spec, VmPlacement placement, IResourceLedger ledger, CancellationToken ct);
}
