using Kata.Core.Application.Ports;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>A container's root, mounts and devices as the guest gets them.</summary>
internal sealed record MappedVolumes
{
    /// <summary>The root; null for the usual place in the share.</summary>
    public GuestPath? Root { get; init; }

    /// <summary>Mounts of the specification, their sources in the guest.</summary>
    public IReadOnlyList<OciMount> Mounts { get; init; } = [];

    /// <summary>What the guest mounts first, in this order.</summary>
    public IReadOnlyList<GuestMount> Storages { get; init; } = [];

    /// <summary>Devices that the guest finds first.</summary>
    public IReadOnlyList<GuestDevice> Devices { get; init; } = [];

    /// <summary>Device nodes of the specification.</summary>
    public IReadOnlyList<OciDevice> Nodes { get; init; } = [];

    /// <summary>What was left out, each a sentence.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];
}
