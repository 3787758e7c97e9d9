using Kata.Core.Application.Settings;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;

namespace Kata.Adapters.Shimv2.Configuration;

/// <summary>The keys of a hypervisor's table.</summary>
internal static class HypervisorSection
{
    // The smallest machine in which kernel and agent come up, and more than any host has.
    private const int MinMemoryMib = 64;
    private const int MemoryLimitMib = 16 * 1024 * 1024;

    private const int VcpuLimit = 512;
    private const int MaxMemorySlots = 255;
    private const int MaxQueueSize = 32768;
    private const int MaxNetworkQueues = 256;

    public static HypervisorSettings Read(string name, SettingsSection section)
    {
        var defaults = new HypervisorSettings { Name = name, Path = "", Kernel = "" };
        var hostCpus = Environment.ProcessorCount;
        var vcpus = section.NumberRoundedUp("default_vcpus", defaults.DefaultVcpus, -1, VcpuLimit);
        var memoryMib = section.Number("default_memory", defaults.MemoryMib, MinMemoryMib, MemoryLimitMib);
        var settings = new HypervisorSettings
        {
            Name = name,
            Path = section.FilePath(
                "path", name == "qemu" ? "/usr/bin/qemu-system-x86_64" : "/usr/bin/cloud-hypervisor"),
            Kernel = section.FilePath("kernel", ""),
            Initrd = section.FilePath("initrd", ""),
            Image = section.FilePath("image", ""),
            RootFsType = section.Choice(
                "rootfs_type", defaults.RootFsType, ("ext4", "ext4"), ("xfs", "xfs"), ("erofs", "erofs")),
            DisableImageNvdimm = section.Switch("disable_image_nvdimm", defaults.DisableImageNvdimm),
            KernelParameters = SplitWords(section.Text("kernel_params", "")),
            MachineType = section.Text("machine_type", defaults.MachineType),
            MachineAccelerators = section.Text("machine_accelerators", defaults.MachineAccelerators),
            CpuFeatures = section.Text("cpu_features", defaults.CpuFeatures),
            Firmware = section.FilePath("firmware", defaults.Firmware),
            Accelerator = section.Choice(
                "accelerator", defaults.Accelerator, ("auto", Accelerator.Auto), ("kvm", Accelerator.Kvm),
                ("tcg", Accelerator.Tcg)),
            Channel = section.Choice(
                "guest_channel",
                defaults.Channel,
                ("auto", GuestChannel.Auto), ("vsock", GuestChannel.Vsock),
                ("vhost-user-vsock", GuestChannel.VhostUserVsock), ("serial", GuestChannel.Serial)),
            VsockDaemon = section.FilePath("vhost_vsock_daemon", defaults.VsockDaemon),
            SeccompSandbox = section.Text("seccompsandbox", section.Text("seccomp_sandbox", defaults.SeccompSandbox)),
            DefaultVcpus = vcpus switch
            {
                < 0 => hostCpus,
                0 => defaults.DefaultVcpus,
                _ => vcpus,
            },
            MaxVcpus = section.Number("default_maxvcpus", defaults.MaxVcpus, 0, VcpuLimit),
            MemoryMib = memoryMib,
            MaxMemoryMib = section.Number("default_maxmemory", 0, 0, MemoryLimitMib) is > 0 and var most
                ? most
                : Math.Max(HostMemoryMib(), memoryMib),
            MemorySlots = section.Number("memory_slots", 0, 0, MaxMemorySlots) is > 0 and var slots
                ? slots
                : defaults.MemorySlots,
            SharedFs = section.Choice("shared_fs", defaults.SharedFs, ("virtio-fs", "virtio-fs"), ("none", "none")),
            VirtioFsDaemon = section.FilePath("virtio_fs_daemon", defaults.VirtioFsDaemon),
            VirtioFsCache = section.Choice(
                "virtio_fs_cache", defaults.VirtioFsCache, ("never", "never"), ("metadata", "metadata"),
                ("auto", "auto"), ("always", "always")),
            VirtioFsDaxMib = section.Number("virtio_fs_cache_size", defaults.VirtioFsDaxMib, 0, MemoryLimitMib),
            VirtioFsQueueSize = section.Number("virtio_fs_queue_size", 0, 0, MaxQueueSize) is > 0 and var queue
                ? queue
                : defaults.VirtioFsQueueSize,
            VirtioFsExtraArguments = section.Texts("virtio_fs_extra_args"),
            DisableBlockDeviceUse = section.Switch("disable_block_device_use", defaults.DisableBlockDeviceUse),
            EntropySource = section.FilePath("entropy_source", defaults.EntropySource),
            NetworkQueues = section.Number("network_queues", defaults.NetworkQueues, 0, MaxNetworkQueues),
            DisableVhostNet = section.Switch("disable_vhost_net", defaults.DisableVhostNet),
            Debug = section.Switch("enable_debug", defaults.Debug),
        };
        RefuseWhatIsNotThere(section);
        Check(section, settings);
        section.Finish();
        return settings;
    }

    private static int HostMemoryMib() => (int)Math.Min(Machine.Info().TotalMemory >> 20, MemoryLimitMib);

    private static void Check(SettingsSection section, HypervisorSettings settings)
    {
        if (settings.Kernel.Length == 0)
            throw section.Invalid("kernel", "must name the guest's kernel");
        if (settings.Initrd.Length == 0 && settings.Image.Length == 0)
            throw section.Invalid("initrd", "or image must be set: one of them holds the guest's root");
        if (settings.Initrd.Length > 0 && settings.Image.Length > 0)
            throw section.Invalid("initrd", "and image are both set; the guest has one root");
        if (settings.SharedFs == "virtio-fs" && settings.VirtioFsDaemon.Length == 0)
            throw section.Invalid("virtio_fs_daemon", "must be set when shared_fs is \"virtio-fs\"");
        if (settings.MaxMemoryMib > 0 && settings.MaxMemoryMib < settings.MemoryMib)
            throw section.Invalid("default_maxmemory", $"must be 0 or at least default_memory, {settings.MemoryMib}");
        if (settings.MaxVcpus > 0 && settings.MaxVcpus < settings.DefaultVcpus)
            throw section.Invalid("default_maxvcpus", $"must be 0 or at least default_vcpus, {settings.DefaultVcpus}");
        if ((settings.VirtioFsQueueSize & (settings.VirtioFsQueueSize - 1)) != 0)
            throw section.Invalid("virtio_fs_queue_size", "must be a power of two");
    }

    /// <summary>Upstream's keys. Those of abilities that are not here may only say so.</summary>
    private static void RefuseWhatIsNotThere(SettingsSection section)
    {
        // Lists that bound annotations, and details of devices that no machine of ours has.
        section.Ignore(
            "enable_annotations", "valid_hypervisor_paths", "valid_jailer_paths", "valid_ctlpaths",
            "valid_entropy_sources", "valid_file_mem_backends",
            "valid_virtio_fs_daemon_paths", "valid_vhost_user_store_paths", "vhost_user_store_path",
            "vhost_user_reconnect_timeout_sec", "default_bridges",
            "block_device_aio", "block_device_cache_set", "block_device_cache_direct",
            "block_device_cache_noflush", "queue_size", "num_queues", "hypervisor_loglevel", "log_level",
            "disable_nesting_checks", "msize_9p",
            "guest_swap_path", "guest_swap_size_percent", "guest_swap_create_threshold_secs", "hugepage_type",
            "overhead_vcpus", "overhead_memory",
            "tdx_quote_generation_service_socket_port", "snp_guest_policy", "measurement_algo");
        foreach (var key in (ReadOnlySpan<string>)
            [
                "enable_mem_prealloc", "enable_hugepages", "enable_virtio_mem", "enable_numa", "enable_guest_swap",
                "guest_memory_dump_paging",
                "reclaim_guest_freed_memory", "enable_iommu", "enable_iommu_platform", "enable_vhost_user_store",
                "enable_iothreads", "confidential_guest",
                "sev_snp_guest", "rootless", "disable_seccomp", "disable_selinux", "use_legacy_serial",
                "virtio_fs_is_dax", "disable_nested_virtualization",
            ])
            section.RequireDisabled(key, false);
        foreach (var key in (ReadOnlySpan<string>)
            [
                "jailer_path", "ctlpath", "kernel_verity_params", "firmware_volume", "selinux_label",
                "extra_monitor_socket", "dbg_monitor_socket",
                "guest_memory_dump_path", "guest_hook_path", "file_mem_backend", "prefetch_list_path", "snp_id_block",
                "snp_id_auth", "initdata",
                "pflashes", "guest_extension_images", "numa_mapping",
            ])
            section.RequireDisabled(key, "");
        foreach (var key in (ReadOnlySpan<string>)
            [
                "memory_offset", "indep_iothreads", "rx_rate_limiter_max_rate", "tx_rate_limiter_max_rate",
                "pcie_root_port", "pcie_switch_port",
                "block_device_logical_sector_size", "block_device_physical_sector_size",
                "disk_rate_limiter_bw_max_rate", "disk_rate_limiter_bw_one_time_burst",
                "disk_rate_limiter_ops_max_rate", "disk_rate_limiter_ops_one_time_burst",
                "net_rate_limiter_bw_max_rate", "net_rate_limiter_bw_one_time_burst",
                "net_rate_limiter_ops_max_rate", "net_rate_limiter_ops_one_time_burst",
            ])
            section.RequireDisabled(key, 0L);
        // Disks are virtio-blk on the PCI bus; the guest is told so, and no setting that works with it is lost by it.
        section.RequireDisabled("block_device_driver", "virtio-blk", "virtio-blk-pci", "virtio-scsi", "");
        section.RequireDisabled("hot_plug_vfio", "no-port");
        section.RequireDisabled("cold_plug_vfio", "no-port");
        section.RequireDisabled("disable_guest_selinux", true);
    }

    /// <summary>
    /// Words at blanks; quotation marks keep blanks together and stay, for the kernel reads them too.
    /// </summary>
    internal static List<string> SplitWords(string text)
    {
        var words = new List<string>();
        var start = -1;
        var quoted = false;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (!quoted && char.IsWhiteSpace(text[i])))
            {
                if (start >= 0)
                    words.Add(text[start..i]);
                start = -1;
                continue;
            }

            if (text[i] == '"')
                quoted = !quoted;
            if (start < 0)
                start = i;
        }

        return words;
    }
}
