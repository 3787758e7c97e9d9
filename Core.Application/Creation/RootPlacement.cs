using Kata.Core.Application.Ports;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Creation;

/// <summary>How a container's root comes into the machine: decided once, when the root is prepared.</summary>
internal abstract record RootPlacement
{
    private RootPlacement()
    {
    }

    /// <summary>It is mounted on the host, in the shared directory.</summary>
    internal sealed record Shared : RootPlacement;

    /// <summary>It is a filesystem on a disk that goes into the machine.</summary>
    /// <param name="Mount">The mount that the container manager asks for.</param>
    /// <param name="File">The device or file.</param>
    internal sealed record Disk(MountSpec Mount, HostFile File) : RootPlacement;
}
