using Kata.Core.Domain.Storage;

namespace Kata.Core.Domain.Machines;

/// <summary>What a machine boots from; every file has been found and is readable.</summary>
public sealed record BootAssets
{
    /// <summary>The kernel: a bzImage, or an ELF file with a PVH note.</summary>
    public required HostPath Kernel { get; init; }

    /// <summary>The initrd that holds the agent; null if an image does.</summary>
    public HostPath? Initrd { get; init; }

    /// <summary>The root image that holds the agent; null if an initrd does.</summary>
    public HostPath? Image { get; init; }

    /// <summary>Size of the image in bytes; 0 without one.</summary>
    public long ImageBytes { get; init; }

    /// <summary>How the image is attached.</summary>
    public ImageDriver ImageDriver { get; init; }

    /// <summary>Filesystem type of the image, such as ext4.</summary>
    public string RootFsType { get; init; } = "ext4";

    /// <summary>Kernel parameters from the settings, after which the hypervisor's own come.</summary>
    public IReadOnlyList<string> KernelParameters { get; init; } = [];
}

/// <summary>How a root image reaches the guest. It is read-only at the hypervisor in every case.</summary>
public enum ImageDriver
{
    /// <summary>NVDIMM with DAX: no copy in the guest's page cache.</summary>
    Nvdimm,

    /// <summary>virtio-blk.</summary>
    VirtioBlk,
}
