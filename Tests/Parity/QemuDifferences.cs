using static Kata.Tests.Parity.IntendedDifference;

namespace Kata.Tests.Parity;

/// <summary>
/// Where our QEMU command lines differ from upstream's for the same settings. A test holds it to the truth both ways.
/// </summary>
internal static class QemuDifferences
{
    private const string Names = "the same option by its other name or form";
    private const string NoEffect = "measured under emulation: no effect beyond noise on the start";
    private const string OwnMemory = "an anonymous memfd: /dev/shm is a tmpfs whose size limit shows as SIGBUS in the guest";
    private const string Listener = "the same listener, as a character device of its own";
    private const string SerialConsole = "the serial port is built into kernels whose virtio console is a module, so the console is there from the first line; it goes to a pipe that we read";
    private const string NoScsi = "disks are virtio-blk";
    private const string AutoPlaced = "QEMU's default for a device of the root bus";

    public static IReadOnlyList<IntendedDifference> Table { get; } =
    [
        Upstreams("uuid ${UUID}", "nobody reads it"),
        Upstreams(
            "pidfile *", "pid and start time are in the ledger, which the shim's own process id reuse cannot fool"),
        Upstreams("qmp unix:fd=3", Listener),
        Upstreams("qmp server=on", Listener),
        Upstreams("qmp wait=off", Listener),
        Ours("chardev socket fd=3", Listener),
        Ours("mon mode=control", Listener),
        Upstreams(
            "qmp unix:path=/run/vc/vm/${SANDBOX_ID}/extra-monitor.sock",
            "a second monitor would let others change the machine behind our back"),

        Upstreams("device virtio-serial-pci*", SerialConsole),
        Upstreams("device virtconsole*", SerialConsole),
        Upstreams("chardev socket path=/run/vc/vm/${SANDBOX_ID}/console.sock", SerialConsole),
        Ours("chardev stdio*", SerialConsole),
        Ours("serial *", SerialConsole),
        Upstreams("append console=hvc0", SerialConsole),
        Upstreams("append console=hvc1", SerialConsole),
        Ours("append console=ttyS0", SerialConsole),

        Upstreams("object memory-backend-file mem-path=/dev/shm", OwnMemory),
        Upstreams("object memory-backend-file size=2048M", OwnMemory),
        Ours("object memory-backend-memfd*", OwnMemory),
        Upstreams("object memory-backend-file", OwnMemory),
        Upstreams("object memory-backend-file share=on", OwnMemory),
        Upstreams("m maxmem=*", "upstream adds 1024 MiB of room whatever the size of the image"),
        Ours("m maxmem=*", "as much room as the settings and the image need"),
        Upstreams("m slots=10", "one slot more, which the image takes"),
        Ours("m slots=11", "one slot more, which the image takes"),

        Upstreams("device pcie-root-port*", "with firmware nothing is plugged into a running machine"),
        Upstreams("device pcie-pci-bridge*", "with firmware nothing is plugged into a running machine"),
        Upstreams("device virtio-scsi-pci*", NoScsi),
        Upstreams("append scsi_mod.scan=none", NoScsi),
        Upstreams("device vhost-vsock-pci bus=pcie.0", AutoPlaced),
        Upstreams("device vhost-vsock-pci disable-modern=false", AutoPlaced),
        Upstreams("device vhost-user-fs-pci bus=pcie.0", AutoPlaced),
        Upstreams(
            "chardev socket path=/run/vc/vm/${SANDBOX_ID}/vhost-fs.sock", "one state directory for the whole sandbox"),
        Ours("chardev socket path=/run/vc/sbs/pod1/vhost-fs.sock", "one state directory for the whole sandbox"),

        Upstreams(
            "device virtio-blk-pci *",
            "the image is opened read-only by the block layer, so nothing that would let the guest write or share applies"),
        Upstreams("drive *", Names),
        Ours("blockdev *", Names),

        Upstreams("netdev tap fds=6", "the tap is opened by name, in the namespace in which QEMU is started"),
        Upstreams("netdev tap vhostfds=5", "the tap is opened by name, in the namespace in which QEMU is started"),
        Ours("netdev tap ifname=tap0_kata", "the tap is opened by name, in the namespace in which QEMU is started"),
        Ours("netdev tap script=no", "opened by name, QEMU would run scripts"),
        Ours("netdev tap downscript=no", "opened by name, QEMU would run scripts"),
        Upstreams("device virtio-net-pci bus=pcie.0", AutoPlaced),
        Upstreams("device virtio-net-pci disable-modern=false", AutoPlaced),
        Upstreams("device virtio-net-pci mq=on", "one queue needs no multi-queue"),
        Upstreams("device virtio-net-pci vectors=4", "one queue needs no multi-queue"),
        Ours("device virtio-net-pci romfile=", "no option ROM: it costs time, and its file may not be installed"),

        Upstreams("vga none", "-nodefaults leaves the display out already"),
        Upstreams("append tsc=reliable", NoEffect),
        Upstreams("append rcupdate.rcu_expedited=1", NoEffect),
        Upstreams("append i8042.*", NoEffect),
        Upstreams("append noreplace-smp", NoEffect),
        Upstreams("append net.ifnames=0", "there is no udev that would rename links"),
        Upstreams("append selinux=0", "the guest has no policy to load"),
        Upstreams("append cryptomgr.notests", Names),
        Ours("append cryptomgr.notests=1", Names),
        Upstreams("append reboot=k", "a triple fault resets at once, and needs no keyboard controller"),
        Ours("append reboot=t", "a triple fault resets at once, and needs no keyboard controller"),
        Upstreams("append panic=1", "a second later nothing more is learned"),
        Ours("append swiotlb=512", "room to grow is above 4 GiB, for which the kernel keeps 64 MiB otherwise"),
        Ours("append panic=-1", "a second later nothing more is learned"),
        Upstreams("append agent.*", "the agent's parameters come with the settings, and these it does not need"),
        Upstreams("append systemd.log_level=debug", "systemd's own words are no part of our debugging"),
    ];
}
