using Kata.Core.Application.Creation;
using Kata.Core.Application.Ports;
using Kata.Core.Application.State;

namespace Kata.Core.Application.Volumes;

/// <summary>
/// Brings a container's root, mounts and devices within the guest's reach (agent protocol, 3.4 and 3.5): shared, made
/// anew by the guest, or as a disk of its machine. What cannot be is refused by the name of its destination.
/// </summary>
internal sealed class VolumePlacer(IHostFiles files, IDirectVolumes directVolumes, BlockAttachments blocks)
{
    /// <summary>
    /// Places everything; the machine runs. On failure the caller releases what belongs to the container.
    /// </summary>
    public async Task<MappedVolumes> PlaceAsync(
        SandboxHandles.Ready sandbox, ContainerCreation creation, CancellationToken ct)
    {
        var mapper = new VolumeMapper(creation.Id, creation.Spec, sandbox, files, directVolumes, blocks);
        if (creation.Root is RootPlacement.Disk root)
            await mapper.AddRootAsync(root, ct);
        for (var i = 0; i < creation.Spec.Mounts.Count; i++)
            await mapper.AddMountAsync(creation.Spec.Mounts[i], i, ct);
        foreach (var node in creation.Spec.Linux?.Devices ?? [])
            await mapper.AddNodeAsync(node, ct);
        return mapper.Result;
    }
}
