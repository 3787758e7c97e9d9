namespace Kata.Core.Application.Settings;

/// <summary>
/// A hypervisor's table in the configuration, <c>[hypervisor.NAME]</c>: its keys, their defaults, and what it lacks.
/// Each hypervisor brings its own.
/// </summary>
public interface IHypervisorSection
{
    /// <summary>The table's name, which is the hypervisor's.</summary>
    string Name { get; }

    /// <summary>The settings in a table. What several of them say together is not judged here.</summary>
    HypervisorSettings Read(ISettingsSection section, HostSize host);
}

/// <summary>What the host has, where the configuration leaves a size to it.</summary>
/// <param name="Cpus">CPUs that this process may use.</param>
/// <param name="MemoryMib">Memory in all.</param>
public sealed record HostSize(int Cpus, int MemoryMib);
