using System.Collections.Concurrent;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness;

/// <summary>Mounts in memory.</summary>
public sealed class HarnessRootfs(HarnessHost host) : IRootfsMounter
{
    /// <summary>Sources that are not there.</summary>
    public HashSet<string> Missing { get; } = [];

    /// <summary>What was asked for, by container.</summary>
    public ConcurrentDictionary<ContainerId, ContainerRoot> Mounted { get; } = new();

    /// <inheritdoc/>
    public async Task MountAsync(
        ContainerId container, ContainerRoot root, HostPath target, IResourceLedger ledger, CancellationToken ct)
    {
        AcquiredResource? taken = null;
        try
        {
            taken = host.Take(ledger, ResourceKind.Mount, target.Value, container);
            await host.EnterAsync("rootfs.mount", ct);
            if (Missing.Contains(root.Mounts.Count > 0 ? root.Mounts[0].Source : root.Source.Value))
                throw new Core.Domain.KataException(
                    Core.Domain.ErrorKind.InvalidArgument, $"the root of container {container} is missing");
            Mounted[container] = root;
        }
        catch
        {
            if (taken is not null)
                host.Release(ledger, taken);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task MakeMountPointAsync(
        ContainerId container, HostPath target, IResourceLedger ledger, CancellationToken ct)
    {
        await host.EnterAsync("rootfs.mount-point", ct);
        host.Take(ledger, ResourceKind.Directory, target.Value, container);
    }
}
