namespace Kata.Apps.Agent.Devices;

/// <summary>A device that the host attached for a container.</summary>
/// <param name="ContainerPath">The node in the container, as its spec names it.</param>
/// <param name="Node">What it is in the guest; null if the container gets no node for it.</param>
internal sealed record ContainerDevice(string ContainerPath, BlockNode? Node);
