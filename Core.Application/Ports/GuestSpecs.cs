using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>What the guest needs to open a sandbox.</summary>
public sealed record GuestSandboxSpec
{
    /// <summary>The sandbox.</summary>
    public required SandboxId Sandbox { get; init; }

    /// <summary>Host name, at most 64 bytes.</summary>
    public string Hostname { get; init; } = "";

    /// <summary>Lines of resolv.conf.</summary>
    public IReadOnlyList<string> Dns { get; init; } = [];

    /// <summary>Storages of the sandbox: the share and the shared memory.</summary>
    public IReadOnlyList<GuestMount> Storages { get; init; } = [];

    /// <summary>Modules to load, each a name with its parameters.</summary>
    public IReadOnlyList<string> KernelModules { get; init; } = [];
}

/// <summary>What the guest says of itself; not to be trusted.</summary>
/// <param name="AgentVersion">Its version.</param>
/// <param name="MemoryBlockBytes">Granularity of memory added later; 0 if unknown.</param>
/// <param name="SupportsSeccomp">Filters can be applied.</param>
/// <param name="ShowsParts">It has the storage driver <c>part</c>, which is our agent's own.</param>
public sealed record GuestDetails(string AgentVersion, long MemoryBlockBytes, bool SupportsSeccomp, bool ShowsParts);

/// <summary>A container as the guest shall make it.</summary>
public sealed record GuestContainerSpec
{
    /// <summary>Its id.</summary>
    public required ContainerId Id { get; init; }

    /// <summary>Its specification, already rewritten for the guest.</summary>
    public required OciSpec Oci { get; init; }

    /// <summary>Storages to mount first.</summary>
    public IReadOnlyList<GuestMount> Storages { get; init; } = [];

    /// <summary>Devices of the host that the container sees.</summary>
    public IReadOnlyList<GuestDevice> Devices { get; init; } = [];

    /// <summary>Joins the sandbox's process namespace.</summary>
    public bool SharedPidNamespace { get; init; }
}

/// <summary>A device of the host inside a container (agent protocol, chapter 4.4).</summary>
/// <param name="Driver">How the guest finds it: <c>blk</c>, <c>scsi</c>.</param>
/// <param name="Id">Where the guest finds it, such as a PCI path.</param>
/// <param name="ContainerPath">Its path in the container.</param>
public sealed record GuestDevice(string Driver, string Id, string ContainerPath);
