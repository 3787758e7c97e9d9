using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Sandboxes;

/// <summary>The network that a specification asks for.</summary>
internal static class PodNetwork
{
    /// <summary>The namespace that a specification names; null if a private one is wanted.</summary>
    /// <exception cref="KataException">
    /// InvalidArgument if the host's own network is asked for, or that of somebody's processes: a machine can share
    /// neither.
    /// </exception>
    public static NetworkNamespacePath? NamespaceOf(OciSpec spec)
    {
        if (spec.Linux is not { } linux)
            return null;
        if (linux.Namespaces.FirstOrDefault(n => n.Type == "network") is not { } network)
            throw SharesTheHosts();
        if (string.IsNullOrEmpty(network.Path))
            return null;
        var path = HostPath.Parse(network.Path, "path of the network namespace");
        // A namespace that is made for a pod has a name of its own; one that goes by a process is that process's, whose
        // links we would take.
        if (path.Value.StartsWith("/proc/", StringComparison.Ordinal))
            throw IsAnothers(path);
        return new NetworkNamespacePath(path);
    }

    private static KataException SharesTheHosts() => new(ErrorKind.InvalidArgument,
        "host networking is not supported (the specification has no network namespace): "
        + "a VM cannot share the host's network; "
        + "run the pod without hostNetwork, or this container with another runtime");

    private static KataException IsAnothers(HostPath path) => new(ErrorKind.InvalidArgument,
        $"sharing the network namespace {path} of another container or process (--network container:...) "
        + "is not supported: the VM would take over its interfaces; "
        + "give this container a network of its own, or run both in one pod");
}

