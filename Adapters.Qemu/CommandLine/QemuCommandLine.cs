using System.Runtime.InteropServices;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;

namespace Kata.Adapters.Qemu.CommandLine;

/// <summary>What the host decides, as opposed to the operator: accelerator, vhost, descriptors, channel.</summary>
internal sealed record HostChoices
{
    public required Architecture Architecture { get; init; }

    public required bool Kvm { get; init; }

    public required bool VhostNet { get; init; }

    /// <summary>Number of the listening QMP socket in QEMU.</summary>
    public required int QmpDescriptor { get; init; }

    /// <summary>The options of the channel to the agent.</summary>
    public IReadOnlyList<QemuOption> Channel { get; init; } = [];

    /// <summary>Descriptors of NICs that are not opened by name, by the NIC's id.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<int>> NicDescriptors { get; init; } =
        new Dictionary<string, IReadOnlyList<int>>();

    /// <summary>Whether a path is a block device.</summary>
    public Func<string, bool> IsBlockDevice { get; init; } = _ => false;
}

/// <summary>A machine's description to QEMU's options, in the order in which they are printed.</summary>
internal static class QemuCommandLine
{
    private const string Pc = "q35";
    private const string Memory = "ram";
    private const string Image = "image";
    private const int MaxVcpusX64 = 240;
    private const int MaxVcpusArm64 = 123;

    /// <summary>The arguments after the program's name.</summary>
    public static IReadOnlyList<string> Print(VmSpec spec, HostChoices host) =>
        [.. Options(spec, host).SelectMany(option => option.Print())];

    public static IEnumerable<QemuOption> Options(VmSpec spec, HostChoices host)
    {
        var maxVcpus = Math.Min(
            spec.Resources.MaxVcpus, host.Architecture == Architecture.Arm64 ? MaxVcpusArm64 : MaxVcpusX64);
        return [
            new GuestNameOption(spec.Name, spec.Machine.Debug),
            MachineType(spec, host),
            Cpu(spec, host),
            new SmpOption(VcpusAtLaunch(spec, host, maxVcpus), maxVcpus),
            .. MemoryOptions(spec),
            new SwitchOption("nodefaults"),
            new SwitchOption("no-user-config"),
            new SwitchOption("nographic"),
            new SwitchOption("no-reboot"),
            .. Clock(host),
            new ListeningChardev("qmp", host.QmpDescriptor),
            new MonitorOption("qmp"),
            new StdioChardev("console"),
            new SerialOption("console"),
            .. CanPlug(spec, host.Architecture) ? [PciSlots.BridgeOption] : Array.Empty<QemuOption>(),
            .. ImageOptions(spec.Boot),
            .. host.Channel,
            .. spec.Devices.SelectMany(device => DeviceOptions(device, host)),
            .. Boot(spec, host, maxVcpus),
            .. spec.Machine.SeccompSandbox.Length > 0
                ? [new WordOption("sandbox", spec.Machine.SeccompSandbox)]
                : Array.Empty<QemuOption>(),
        ];
    }

    /// <summary>True for the machine types to which vCPUs and memory can be added as this adapter does it.</summary>
    public static bool CanGrow(VmSpec spec, Architecture architecture) => TypeName(spec, architecture) == Pc;

    /// <summary>
    /// How many vCPUs there are from the launch. Emulated ones all are, offline until they are wanted: Linux counts
    /// those that come later only under a hypervisor that it knows, and QEMU's emulation is none of them (ADR 23).
    /// </summary>
    public static int VcpusAtLaunch(VmSpec spec, HostChoices host, int maxVcpus) =>
        !host.Kvm && CanGrow(spec, host.Architecture) ? maxVcpus : spec.Resources.Vcpus;

    /// <summary>
    /// True where devices can be added too. UEFI firmware leaves a conventional bridge on the root bus without windows.
    /// </summary>
    public static bool CanPlug(VmSpec spec, Architecture architecture) =>
        CanGrow(spec, architecture) && spec.Machine.Firmware is null;

    /// <summary>The default of the settings is the x86 one; elsewhere it means the one that there is.</summary>
    private static string TypeName(VmSpec spec, Architecture architecture) => spec.Machine.MachineType switch
    {
        "" or Pc => architecture == Architecture.Arm64 ? "virt" : Pc,
        var named => named,
    };

    private static MachineTypeOption MachineType(VmSpec spec, HostChoices host)
    {
        var isArm = host.Architecture == Architecture.Arm64;
        return new MachineTypeOption(TypeName(spec, host.Architecture), host.Kvm ? "kvm" : "tcg")
        {
            GicVersion = isArm ? host.Kvm ? "host" : "3" : null,
            Nvdimm = IsNvdimm(spec.Boot),
            Further = spec.Machine.MachineAccelerators,
        };
    }

    private static CpuOption Cpu(VmSpec spec, HostChoices host) =>
        new(host.Kvm ? "host" : "max", spec.Machine.CpuFeatures);

    private static IEnumerable<QemuOption> MemoryOptions(VmSpec spec)
    {
        const long mib = 1024 * 1024;
        var resources = spec.Resources;
        var nvdimmMib = IsNvdimm(spec.Boot) ? (spec.Boot.ImageBytes + mib - 1) / mib : 0;
        var slots = (resources.MaxMemoryMib > resources.MemoryMib ? Math.Max(1, resources.MemorySlots) : 0) + (
            nvdimmMib > 0 ? 1 : 0);
        yield return new MemoryOption(
            resources.MemoryMib, slots, Math.Max(resources.MemoryMib, resources.MaxMemoryMib) + nvdimmMib);
        yield return new MemfdObject(Memory, resources.MemoryMib);
        yield return new NumaNodeOption(Memory);
    }

    /// <summary>Ticks that the host was too late to deliver: only with KVM on a PC do these exist.</summary>
    private static QemuOption[] Clock(HostChoices host) => host is { Kvm: true, Architecture: Architecture.X64 }
        ? [new WordOption("rtc", "base=utc,driftfix=slew,clock=host"),
            new WordOption("global", "kvm-pit.lost_tick_policy=discard")]
        : [];

    private static IEnumerable<QemuOption> ImageOptions(BootAssets boot)
    {
        if (boot.Image is not { } image)
            yield break;
        if (IsNvdimm(boot))
        {
            yield return new ReadOnlyFileMemory(Image, image.Value, boot.ImageBytes);
            yield return new DeviceOption("nvdimm", ("id", "nv0"), ("memdev", Image), ("unarmed", "on"));
        }
        else
        {
            yield return new RawStorage(Image, image.Value, IsBlockDevice: false, ReadOnly: true);
            yield return new DeviceOption(
                "virtio-blk-pci", ("id", "disk-image"), ("drive", Image), ("serial", "image"));
        }
    }

    private static QemuOption[] DeviceOptions(Device device, HostChoices host) => device switch
    {
        SharedDirectoryDevice share => Share(share),
        BlockDevice block => [
            new RawStorage(NodeName(block.Id), block.Path.Value, host.IsBlockDevice(block.Path.Value), block.ReadOnly),
            new DeviceOption(
                "virtio-blk-pci", ("id", $"disk-{block.Id}"), ("drive", NodeName(block.Id)), ("serial", block.Id)),
        ],
        NetworkDevice network => Network(Tap(network, host), network),
        RngDevice rng =>
            [new RngObject("rng0", rng.Source.Value),
                new DeviceOption("virtio-rng-pci", ("id", "rng"), ("rng", "rng0"))],
        _ => throw new KataException(ErrorKind.Internal, $"QEMU has no form for a {device.GetType().Name}"),
    };

    private static QemuOption[] Share(SharedDirectoryDevice share) => [
        new ConnectingChardev("share", share.Socket.Value),
        new DeviceOption(
            "vhost-user-fs-pci",
            ("id", "fs-share"),
            ("chardev", "share"),
            ("tag", share.Tag),
            ("queue-size", $"{share.QueueSize}"),
            ("cache-size", share.DaxWindowMib > 0 ? $"{share.DaxWindowMib}M" : null)),
    ];

    private static TapOption Tap(NetworkDevice network, HostChoices host) =>
        new(network.Id, network.Tap, network.Queues, host.VhostNet)
        {
            Descriptors = host.NicDescriptors.GetValueOrDefault(network.Id, []),
        };

    private static QemuOption[] Network(TapOption tap, NetworkDevice network) => [tap, tap.Nic(network.Mac)];

    private static IEnumerable<QemuOption> Boot(VmSpec spec, HostChoices host, int maxVcpus)
    {
        if (spec.Machine.Firmware is { } firmware)
            yield return new WordOption("bios", firmware.Value);
        yield return new WordOption("kernel", spec.Boot.Kernel.Value);
        if (spec.Boot.Initrd is { } initrd)
            yield return new WordOption("initrd", initrd.Value);
        yield return new WordOption("append", string.Join(' ', KernelParameters.For(spec, host, maxVcpus)));
    }

    /// <summary>QEMU has virtio-pmem as well, but without the read-only form that an NVDIMM has.</summary>
    private static bool IsNvdimm(BootAssets boot) =>
        boot.Image is not null && boot.ImageDriver != ImageDriver.VirtioBlk;

    /// <summary>QEMU takes 31 bytes.</summary>
    internal static string NodeName(string id)
    {
        const int longest = 31;
        var name = $"node-{id}";
        return name.Length > longest ? name[..longest] : name;
    }
}
