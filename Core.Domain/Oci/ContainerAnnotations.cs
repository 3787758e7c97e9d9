using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Domain.Oci;

/// <summary>
/// Which part a container plays, read from the annotations of containerd's CRI plugin, CRI-O and dockershim.
/// </summary>
public static class ContainerAnnotations
{
    private static readonly (string Type, string SandboxId)[] Managers =
    [
        ("io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"),
        ("io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"),
        ("io.kubernetes.docker.type", "io.kubernetes.sandbox.id"),
    ];

    /// <summary>The kind of a container, and the sandbox it belongs to. Without annotations it is its own.</summary>
    public static (ContainerKind Kind, SandboxId Sandbox) Classify(
        IReadOnlyDictionary<string, string> annotations, string containerId)
    {
        foreach (var (typeKey, sandboxKey) in Managers)
        {
            if (!annotations.TryGetValue(typeKey, out var type))
                continue;

            switch (type)
            {
                case "sandbox" or "podsandbox":
                    return (ContainerKind.PodSandbox, SandboxId.Parse(containerId));
                case "container":
                    if (!annotations.TryGetValue(sandboxKey, out var sandbox))
                        throw new KataException(
                            ErrorKind.InvalidArgument,
                            $"annotation {typeKey} says that this is a pod's container, but {sandboxKey} is missing");
                    return (ContainerKind.PodContainer, SandboxId.Parse(sandbox));
                default:
                    throw new KataException(
                        ErrorKind.InvalidArgument, $"annotation {typeKey} must be \"sandbox\" or \"container\"");
            }
        }

        return (ContainerKind.Single, SandboxId.Parse(containerId));
    }
}
