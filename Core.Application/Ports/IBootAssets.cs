using Kata.Core.Application.Settings;
using Kata.Core.Domain.Machines;

namespace Kata.Core.Application.Ports;

/// <summary>Finds what a machine boots from.</summary>
public interface IBootAssets
{
    /// <summary>
    /// The assets that the settings name, each found and readable; NotFound names the missing one, the key it came from
    /// and what to do.
    /// </summary>
    Task<BootAssets> FindAsync(HypervisorSettings settings, CancellationToken ct);
}
