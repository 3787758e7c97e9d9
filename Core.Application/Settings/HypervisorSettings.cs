using Kata.Core.Domain.Machines;

namespace Kata.Core.Application.Settings;

/// <summary>The settings of the hypervisor section; sizes in MiB.</summary>
public sealed record HypervisorSettings
{
    /// <summary>The name of its table.</summary>
    public required string Name { get; init; }

    /// <summary>Key <c>path</c>: the VMM.</summary>
    public required string Path { get; init; }

    /// <summary>Key <c>kernel</c>.</summary>
    public required string Kernel { get; init; }

    /// <summary>Key <c>initrd</c>; empty if an image is used.</summary>
    public string Initrd { get; init; } = "";

    /// <summary>Key <c>image</c>; empty if an initrd is used.</summary>
    public string Image { get; init; } = "";

    /// <summary>Key <c>rootfs_type</c>.</summary>
    public string RootFsType { get; init; } = "ext4";

    /// <summary>Key <c>disable_image_nvdimm</c>.</summary>
    public bool DisableImageNvdimm { get; init; }

    /// <summary>Key <c>kernel_params</c>, split at blanks.</summary>
    public IReadOnlyList<string> KernelParameters { get; init; } = [];

    /// <summary>Key <c>machine_type</c>; empty for the VMM's own.</summary>
    public string MachineType { get; init; } = "";

    /// <summary>Key <c>machine_accelerators</c>.</summary>
    public string MachineAccelerators { get; init; } = "";

    /// <summary>Key <c>cpu_features</c>.</summary>
    public string CpuFeatures { get; init; } = "";

    /// <summary>Key <c>firmware</c>.</summary>
    public string Firmware { get; init; } = "";

    /// <summary>Key <c>accelerator</c> (ours): auto, kvm, tcg.</summary>
    public Accelerator Accelerator { get; init; }

    /// <summary>Key <c>guest_channel</c> (ours): auto, vsock, vhost-user-vsock, serial.</summary>
    public GuestChannel Channel { get; init; }

    /// <summary>Key <c>vhost_vsock_daemon</c> (ours): vhost-device-vsock.</summary>
    public string VsockDaemon { get; init; } = "";

    /// <summary>Key <c>seccompsandbox</c>; empty to leave it off.</summary>
    public string SeccompSandbox { get; init; } = "";

    /// <summary>Key <c>default_vcpus</c>.</summary>
    public int DefaultVcpus { get; init; } = 1;

    /// <summary>Key <c>default_maxvcpus</c>; 0 for as many as the host has.</summary>
    public int MaxVcpus { get; init; }

    /// <summary>Key <c>default_memory</c>.</summary>
    public int MemoryMib { get; init; } = 512;

    /// <summary>Key <c>default_maxmemory</c>; 0 in the file stands for the host's, here for no growth.</summary>
    public int MaxMemoryMib { get; init; }

    /// <summary>Key <c>memory_slots</c>.</summary>
    public int MemorySlots { get; init; } = 10;

    /// <summary>Key <c>shared_fs</c>: virtio-fs or none.</summary>
    public string SharedFs { get; init; } = "virtio-fs";

    /// <summary>Key <c>virtio_fs_daemon</c>.</summary>
    public string VirtioFsDaemon { get; init; } = "";

    /// <summary>Key <c>virtio_fs_cache</c>: never, metadata, auto, always.</summary>
    public string VirtioFsCache { get; init; } = "auto";

    /// <summary>Key <c>virtio_fs_cache_size</c>: DAX window.</summary>
    public int VirtioFsDaxMib { get; init; }

    /// <summary>Key <c>virtio_fs_queue_size</c>.</summary>
    public int VirtioFsQueueSize { get; init; } = 1024;

    /// <summary>Key <c>virtio_fs_extra_args</c>.</summary>
    public IReadOnlyList<string> VirtioFsExtraArguments { get; init; } = [];

    /// <summary>
    /// Key <c>disable_block_device_use</c>: roots on block devices are mounted on the host, and block devices refused.
    /// </summary>
    public bool DisableBlockDeviceUse { get; init; }

    /// <summary>Key <c>entropy_source</c>.</summary>
    public string EntropySource { get; init; } = "/dev/urandom";

    /// <summary>
    /// Key <c>network_queues</c>: pairs of queues of each NIC; 0 for one per vCPU that the machine starts with.
    /// </summary>
    public int NetworkQueues { get; init; }

    /// <summary>Key <c>disable_vhost_net</c>.</summary>
    public bool DisableVhostNet { get; init; }

    /// <summary>Key <c>enable_debug</c>.</summary>
    public bool Debug { get; init; }
}
