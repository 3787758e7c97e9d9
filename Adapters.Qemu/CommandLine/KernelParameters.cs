using System.Runtime.InteropServices;
using Kata.Core.Domain.Machines;

namespace Kata.Adapters.Qemu.CommandLine;

/// <summary>
/// The kernel's command line. The parameters that make the start quick were measured one by one; most that are
/// customary elsewhere have no effect beyond noise under emulation and are left out.
/// </summary>
internal static class KernelParameters
{
    public static IReadOnlyList<string> For(VmSpec spec, HostChoices host, int maxVcpus)
    {
        var architecture = host.Architecture;
        var words = new List<string>(spec.Boot.KernelParameters);
        // Self-tests of the crypto code are the most expensive single step of an emulated start.
        words.Add("cryptomgr.notests=1");
        if (architecture == Architecture.X64)
        {
            // Triple fault: the one way of resetting that is quick on every x86 machine type. With -no-reboot QEMU then
            // ends.
            words.Add("reboot=t");
            // On a busy host the kernel's test of its own timer can fail under emulation, and it panics.
            words.Add("no_timer_check");
            // QEMU before 8.0 computes cmpxchg16b's flags as if by an older instruction: part of an address stays in
            // EFLAGS if timers come just then, and with its NT bit the kernel's next IRET to itself is a fault. Kernel
            // 6.12, whose allocator jumps on these flags, was seen to stand still at one start of some forty (ADR 23).
            // Only the kernel gives the instruction up by this: without cx16 in the CPU programs for x86-64-v2 would
            // not start.
            if (!host.Kvm)
                words.Add("clearcpuid=cx16");
            // All root buses there are: asking each device of the other 255 ends in QEMU 16000 times, which KVM's users
            // pay for.
            words.Add("pci=lastbus=0");
        }

        // Room for memory above 4 GiB makes the kernel keep 64 MiB for devices that cannot reach it; no device here is
        // one.
        var hasRoom = spec.Resources.MaxMemoryMib > spec.Resources.MemoryMib
            || (spec.Boot.Image is not null && spec.Boot.ImageDriver != ImageDriver.VirtioBlk);
        if (architecture == Architecture.X64 && hasRoom)
            words.Add("swiotlb=512");
        words.Add("panic=-1");
        words.Add($"nr_cpus={maxVcpus}");
        // The others are brought online by the agent; bringing them up during the start costs more.
        if (QemuCommandLine.VcpusAtLaunch(spec, host, maxVcpus) > 1)
            words.Add("maxcpus=1");
        AddRoot(words, spec.Boot, spec.Machine.Debug);
        words.Add(architecture == Architecture.X64 ? "console=ttyS0" : "console=ttyAMA0");
        words.Add(spec.Machine.Debug ? "debug" : "quiet");
        return words;
    }

    private static void AddRoot(List<string> words, BootAssets boot, bool debug)
    {
        if (boot.Image is null)
            return;
        var onDisk = boot.ImageDriver == ImageDriver.VirtioBlk;
        var flags = (onDisk, boot.RootFsType) switch
        {
            (true, "ext4") => "data=ordered,errors=remount-ro",
            (false, "ext4") => "dax,data=ordered,errors=remount-ro",
            (false, _) => "dax",
            _ => null,
        };
        words.Add(onDisk ? "root=/dev/vda1" : "root=/dev/pmem0p1");
        if (flags is not null)
            words.Add($"rootflags={flags}");
        words.Add("ro");
        words.Add($"rootfstype={boot.RootFsType}");
        if (boot.Initrd is null)
        {
            // An image without an initrd of its own is one of those that start the agent by systemd; others do not read
            // these.
            words.Add("systemd.unit=kata-containers.target");
            words.Add("systemd.mask=systemd-networkd.service");
            words.Add("systemd.mask=systemd-networkd.socket");
            words.Add(debug ? "systemd.show_status=true" : "systemd.show_status=false");
        }
    }
}
