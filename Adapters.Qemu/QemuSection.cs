using Kata.Core.Application.Settings;
using Kata.Core.Domain.Machines;

namespace Kata.Adapters.Qemu;

/// <summary>The table <c>[hypervisor.qemu]</c>.</summary>
internal sealed class QemuSection : IHypervisorSection
{
    /// <summary>The name in the settings.</summary>
    public const string HypervisorName = "qemu";

    private static readonly HypervisorSettings Defaults = new()
    {
        Name = HypervisorName,
        Path = "/usr/bin/qemu-system-x86_64",
        Kernel = "",
        MachineType = "q35",
        SeccompSandbox = "on,obsolete=deny,spawn=deny,resourcecontrol=deny",
    };

    public string Name => HypervisorName;

    public HypervisorSettings Read(ISettingsSection section, HostSize host)
    {
        var settings = HypervisorKeys.Read(section, Defaults, host) with
        {
            DisableImageNvdimm = section.Switch("disable_image_nvdimm", Defaults.DisableImageNvdimm),
            MachineType = section.Text("machine_type", Defaults.MachineType),
            MachineAccelerators = section.Text("machine_accelerators", Defaults.MachineAccelerators),
            CpuFeatures = section.Text("cpu_features", Defaults.CpuFeatures),
            Firmware = section.FilePath("firmware", Defaults.Firmware),
            Accelerator = section.Choice(
                "accelerator", Defaults.Accelerator, ("auto", Accelerator.Auto), ("kvm", Accelerator.Kvm),
                ("tcg", Accelerator.Tcg)),
            Channel = section.Choice(
                "guest_channel",
                Defaults.Channel,
                ("auto", GuestChannel.Auto), ("vsock", GuestChannel.Vsock),
                ("vhost-user-vsock", GuestChannel.VhostUserVsock), ("serial", GuestChannel.Serial)),
            VsockDaemon = section.FilePath("vhost_vsock_daemon", Defaults.VsockDaemon),
            SeccompSandbox = section.Text("seccompsandbox", section.Text("seccomp_sandbox", Defaults.SeccompSandbox)),
            DisableVhostNet = section.Switch("disable_vhost_net", Defaults.DisableVhostNet),
        };
        RefuseWhatIsNotThere(section);
        return settings;
    }

    /// <summary>Upstream's keys for QEMU. Those of abilities that are not here may only say so.</summary>
    private static void RefuseWhatIsNotThere(ISettingsSection section)
    {
        section.Ignore(
            "disable_nesting_checks", "msize_9p", "tdx_quote_generation_service_socket_port", "snp_guest_policy",
            "measurement_algo");
        section.RequireDisabled(
            false,
            "enable_virtio_mem", "enable_numa", "guest_memory_dump_paging", "enable_iommu_platform", "sev_snp_guest",
            "use_legacy_serial");
        section.RequireDisabled(
            "",
            "firmware_volume", "extra_monitor_socket", "dbg_monitor_socket", "guest_memory_dump_path", "snp_id_block",
            "snp_id_auth", "pflashes", "numa_mapping");
        section.RequireDisabled(
            0L,
            "memory_offset", "rx_rate_limiter_max_rate", "tx_rate_limiter_max_rate", "pcie_root_port",
            "pcie_switch_port");
        // Disks are virtio-blk on the PCI bus; the guest is told so, and no setting that works with it is lost by it.
        section.RequireOneOf("block_device_driver", "virtio-blk", "virtio-blk-pci", "virtio-scsi", "");
    }
}
