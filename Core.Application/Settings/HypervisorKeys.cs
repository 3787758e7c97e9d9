namespace Kata.Core.Application.Settings;

/// <summary>The keys that every hypervisor's table has.</summary>
public static class HypervisorKeys
{
    // More than any host has.
    private const int MemoryLimitMib = 16 * 1024 * 1024;
    private const int VcpuLimit = 512;

    private const int MaxMemorySlots = 255;
    private const int MaxQueueSize = 32768;
    private const int MaxNetworkQueues = 256;

    /// <summary>
    /// What a table says over the hypervisor's own <paramref name="defaults"/>. A size that it leaves to the host is
    /// the host's.
    /// </summary>
    public static HypervisorSettings Read(ISettingsSection section, HypervisorSettings defaults, HostSize host)
    {
        var vcpus = section.NumberRoundedUp("default_vcpus", defaults.DefaultVcpus, -1, VcpuLimit);
        var memoryMib = section.Number("default_memory", defaults.MemoryMib, 0, MemoryLimitMib);
        var settings = defaults with
        {
            Path = section.FilePath("path", defaults.Path),
            Kernel = section.FilePath("kernel", defaults.Kernel),
            Initrd = section.FilePath("initrd", ""),
            Image = section.FilePath("image", ""),
            RootFsType = section.Choice(
                "rootfs_type", defaults.RootFsType, ("ext4", "ext4"), ("xfs", "xfs"), ("erofs", "erofs")),
            KernelParameters = section.Words("kernel_params"),
            DefaultVcpus = vcpus switch
            {
                < 0 => host.Cpus,
                0 => defaults.DefaultVcpus,
                _ => vcpus,
            },
            MaxVcpus = section.Number("default_maxvcpus", defaults.MaxVcpus, 0, VcpuLimit),
            MemoryMib = memoryMib,
            MaxMemoryMib = section.Number("default_maxmemory", 0, 0, MemoryLimitMib) is > 0 and var most
                ? most
                : Math.Max(Math.Min(host.MemoryMib, MemoryLimitMib), memoryMib),
            MemorySlots = section.Number("memory_slots", 0, 0, MaxMemorySlots) is > 0 and var slots
                ? slots
                : defaults.MemorySlots,
            SharedFs = section.Choice("shared_fs", defaults.SharedFs, ("virtio-fs", "virtio-fs"), ("none", "none")),
            VirtioFsDaemon = section.FilePath("virtio_fs_daemon", defaults.VirtioFsDaemon),
            VirtioFsCache = section.Choice(
                "virtio_fs_cache", defaults.VirtioFsCache, ("never", "never"), ("metadata", "metadata"),
                ("auto", "auto"), ("always", "always")),
            VirtioFsDaxMib = section.Number("virtio_fs_cache_size", defaults.VirtioFsDaxMib, 0, MemoryLimitMib),
            VirtioFsQueueSize = QueueSize(section, defaults),
            VirtioFsExtraArguments = section.Texts("virtio_fs_extra_args"),
            DisableBlockDeviceUse = section.Switch("disable_block_device_use", defaults.DisableBlockDeviceUse),
            EntropySource = section.FilePath("entropy_source", defaults.EntropySource),
            NetworkQueues = section.Number("network_queues", defaults.NetworkQueues, 0, MaxNetworkQueues),
            Debug = section.Switch("enable_debug", defaults.Debug),
        };
        RefuseWhatNoneHas(section);
        return settings;
    }

    private static int QueueSize(ISettingsSection section, HypervisorSettings defaults)
    {
        const string key = "virtio_fs_queue_size";
        var size = section.Number(key, 0, 0, MaxQueueSize);
        if ((size & (size - 1)) != 0)
            throw section.Invalid(key, "must be a power of two");
        return size > 0 ? size : defaults.VirtioFsQueueSize;
    }

    /// <summary>Upstream's keys. Those of abilities that no hypervisor here has may only say so.</summary>
    private static void RefuseWhatNoneHas(ISettingsSection section)
    {
        // Lists that bound annotations, and details of devices that no machine of ours has.
        section.Ignore(
            "enable_annotations", "valid_hypervisor_paths", "valid_jailer_paths", "valid_ctlpaths",
            "valid_entropy_sources", "valid_file_mem_backends", "valid_virtio_fs_daemon_paths",
            "valid_vhost_user_store_paths", "vhost_user_store_path", "vhost_user_reconnect_timeout_sec",
            "default_bridges", "block_device_aio", "block_device_cache_set", "block_device_cache_direct",
            "block_device_cache_noflush", "queue_size", "num_queues", "hypervisor_loglevel", "log_level",
            "guest_swap_path", "guest_swap_size_percent", "guest_swap_create_threshold_secs", "hugepage_type",
            "overhead_vcpus", "overhead_memory");
        section.RequireDisabled(
            false,
            "enable_mem_prealloc", "enable_hugepages", "enable_guest_swap", "reclaim_guest_freed_memory",
            "enable_iommu", "enable_vhost_user_store", "enable_iothreads", "confidential_guest", "rootless",
            "disable_seccomp", "disable_selinux", "virtio_fs_is_dax", "disable_nested_virtualization");
        section.RequireDisabled(
            "",
            "jailer_path", "ctlpath", "kernel_verity_params", "selinux_label", "guest_hook_path", "file_mem_backend",
            "prefetch_list_path", "initdata", "guest_extension_images");
        section.RequireDisabled(
            0L,
            "indep_iothreads", "block_device_logical_sector_size", "block_device_physical_sector_size",
            "disk_rate_limiter_bw_max_rate", "disk_rate_limiter_bw_one_time_burst", "disk_rate_limiter_ops_max_rate",
            "disk_rate_limiter_ops_one_time_burst", "net_rate_limiter_bw_max_rate",
            "net_rate_limiter_bw_one_time_burst", "net_rate_limiter_ops_max_rate",
            "net_rate_limiter_ops_one_time_burst");
        section.RequireDisabled("no-port", "hot_plug_vfio", "cold_plug_vfio");
        section.RequireDisabled(true, "disable_guest_selinux");
    }
}
