using System.Runtime.InteropServices;
using FluentAssertions;
using Kata.Adapters.Qemu.CommandLine;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Xunit;

namespace Kata.Tests.Unit.Qemu;

public sealed class QemuCommandLineTests
{
    [Fact]
    public void Print_when_emulated_pc_with_initrd_is_this() => Lines(A.Vm(), A.Host()).Should().Equal(
        "-name sandbox-pod1",
        "-machine q35,accel=tcg",
        "-cpu max",
        "-smp 2,cores=1,threads=1,sockets=2,maxcpus=2",
        "-m 512M,slots=10,maxmem=2048M",
        "-object memory-backend-memfd,id=ram,size=512M,share=on",
        "-numa node,memdev=ram",
        "-nodefaults",
        "-no-user-config",
        "-nographic",
        "-no-reboot",
        "-chardev socket,id=qmp,fd=3,server=on,wait=off",
        "-mon chardev=qmp,mode=control",
        "-chardev stdio,id=console,signal=off",
        "-serial chardev:console",
        "-device pci-bridge,bus=pcie.0,id=hot,chassis_nr=1,shpc=off,addr=2,io-reserve=4k,mem-reserve=1m,pref64-reserve=1m",
        "-object rng-random,id=rng0,filename=/dev/urandom",
        "-device virtio-rng-pci,id=rng,rng=rng0",
        "-chardev socket,id=share,path=/run/vc/sbs/pod1/vhost-fs.sock",
        "-device vhost-user-fs-pci,id=fs-share,chardev=share,tag=kataShared,queue-size=1024",
        "-kernel /boot/vmlinux",
        "-initrd /boot/initrd.img",
        "-append cryptomgr.notests=1 reboot=t no_timer_check clearcpuid=cx16 pci=lastbus=0 swiotlb=512 panic=-1 nr_cpus=2 maxcpus=1 console=ttyS0 quiet",
        "-sandbox on,obsolete=deny");

    [Fact]
    public void Print_when_arm_differs_in_machine_and_console()
    {
        var lines = Lines(A.Vm(), A.Host(Architecture.Arm64));

        lines.Should().Contain("-machine virt,accel=tcg,gic-version=3");
        lines.Should().Contain("-append cryptomgr.notests=1 panic=-1 nr_cpus=2 console=ttyAMA0 quiet");
        Lines(A.Vm(), A.Host(Architecture.Arm64, kvm: true))
            .Should().Contain("-machine virt,accel=kvm,gic-version=host");
    }

    [Fact]
    public void Print_when_kvm_uses_host_cpu_and_keeps_its_clock()
    {
        var lines = Lines(A.Vm() with { Machine = A.Vm().Machine with { CpuFeatures = "pmu=off" } }, A.Host(kvm: true));

        lines.Should().Contain(
            ["-machine q35,accel=kvm", "-cpu host,pmu=off", "-rtc base=utc,driftfix=slew,clock=host",
                "-global kvm-pit.lost_tick_policy=discard"]);
    }

    /// <summary>QEMU's emulation of the instruction corrupts EFLAGS; a processor does not.</summary>
    [Fact]
    public void Print_when_emulated_keeps_the_kernel_from_cmpxchg16b_and_programs_not()
    {
        Lines(A.Vm(), A.Host()).Should().Contain("-cpu max").And.Contain(line => line.Contains(" clearcpuid=cx16 "));
        Lines(A.Vm(), A.Host(kvm: true)).Should().NotContain(line => line.Contains("clearcpuid"));
    }

    /// <summary>
    /// Linux knows KVM for a hypervisor whose processors may come later, and does not know QEMU's emulation.
    /// </summary>
    [Fact]
    public void Print_when_emulated_has_all_vcpus_from_the_launch_and_with_kvm_those_that_are_wanted()
    {
        var vm = A.Vm() with { Resources = new VmResources(2, 4, 512, 512, 0) };

        Lines(vm, A.Host()).Should().Contain("-smp 4,cores=1,threads=1,sockets=4,maxcpus=4")
            .And.Contain(l => l.Contains(" maxcpus=1 "));
        Lines(vm, A.Host(kvm: true)).Should().Contain("-smp 2,cores=1,threads=1,sockets=4,maxcpus=4");
        Lines(vm, A.Host(Architecture.Arm64)).Should().Contain("-smp 2,cores=1,threads=1,sockets=4,maxcpus=4");
    }

    [Fact]
    public void Print_when_image_is_nvdimm_it_is_read_only_and_memory_has_room_for_it()
    {
        var lines = Lines(A.Vm().WithImage(ImageDriver.Nvdimm), A.Host());

        lines.Should().Contain([
            "-machine q35,accel=tcg,nvdimm=on",
            "-m 512M,slots=11,maxmem=2176M",
            "-object memory-backend-file,id=image,mem-path=/boot/rootfs.img,size=134217728,share=on,readonly=on",
            "-device nvdimm,id=nv0,memdev=image,unarmed=on",
        ]);
        lines.Single(l => l.StartsWith("-append", StringComparison.Ordinal)).Should()
            .Contain(
                "root=/dev/pmem0p1 rootflags=dax,data=ordered,errors=remount-ro ro rootfstype=ext4 systemd.unit=kata-containers.target");
    }

    [Fact]
    public void Print_when_memory_cannot_grow_and_no_image_has_no_slots() =>
        Lines(A.Vm() with { Resources = new VmResources(1, 1, 512, 512, 10) }, A.Host()).Should().Contain("-m 512M");

    [Theory]
    [InlineData("ext4", "rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4")]
    [InlineData("xfs", "root=/dev/vda1 ro rootfstype=xfs")]
    [InlineData("erofs", "root=/dev/vda1 ro rootfstype=erofs")]
    public void Print_when_image_is_disk_it_is_read_only(string fsType, string parameters)
    {
        var lines = Lines(A.Vm().WithImage(ImageDriver.VirtioBlk, fsType), A.Host());

        lines.Should().Contain([
            "-blockdev driver=raw,node-name=image,read-only=on,file.driver=file,file.filename=/boot/rootfs.img,file.read-only=on",
            "-device virtio-blk-pci,id=disk-image,drive=image,serial=image",
        ]);
        lines.Single(l => l.StartsWith("-append", StringComparison.Ordinal)).Should().Contain(parameters);
    }

    [Fact]
    public void Print_when_image_has_an_initrd_of_its_own_passes_both_and_leaves_systemd_out()
    {
        var vm = A.Vm().WithImage(ImageDriver.Nvdimm);
        var lines = Lines(vm with { Boot = vm.Boot with { Initrd = A.Path("/boot/rootfs-boot.img") } }, A.Host());

        lines.Should().Contain("-initrd /boot/rootfs-boot.img");
        lines.Single(l => l.StartsWith("-append", StringComparison.Ordinal)).Should().Contain("root=/dev/pmem0p1")
            .And.NotContain("systemd");
    }

    [Fact]
    public void Print_when_several_vcpus_starts_the_guest_on_one() =>
        Lines(A.Vm() with { Resources = new VmResources(4, 1000, 512, 512, 0) }, A.Host()).Should().Contain([
            "-smp 240,cores=1,threads=1,sockets=240,maxcpus=240",
            "-append cryptomgr.notests=1 reboot=t no_timer_check clearcpuid=cx16 pci=lastbus=0 panic=-1 nr_cpus=240 maxcpus=1 console=ttyS0 quiet",
        ]);

    [Fact]
    public void Print_when_network_nics_and_disks_opens_them_by_name()
    {
        var vm = A.Vm() with
        {
            Devices = [
                new NetworkDevice("net0", "tap0_kata", new MacAddress(0x02000000002a), 1),
                new NetworkDevice("net1", "tap1_kata", new MacAddress(0x02000000002b), 2),
                new BlockDevice("vol1", A.Path("/dev/loop7"), true),
            ],
        };
        var lines = Lines(vm, A.Host() with { VhostNet = true, IsBlockDevice = path => path == "/dev/loop7" });

        lines.Should().Contain([
            "-netdev tap,id=net0,ifname=tap0_kata,script=no,downscript=no,vhost=on",
            "-device virtio-net-pci,id=nic-net0,netdev=net0,mac=02:00:00:00:00:2a,romfile=",
            "-netdev tap,id=net1,ifname=tap1_kata,script=no,downscript=no,queues=2,vhost=on",
            "-device virtio-net-pci,id=nic-net1,netdev=net1,mac=02:00:00:00:00:2b,mq=on,vectors=6,romfile=",
            "-blockdev driver=raw,node-name=node-vol1,read-only=on,file.driver=host_device,file.filename=/dev/loop7,file.read-only=on",
            "-device virtio-blk-pci,id=disk-vol1,drive=node-vol1,serial=vol1",
        ]);
    }

    [Fact]
    public void Print_when_a_nic_is_a_macvtap_names_the_descriptors_of_its_queues()
    {
        var vm = A.Vm() with
        {
            Devices = [
                new NetworkDevice("eth0", "tap0_kata", new MacAddress(0x02000000002a),
                    2) { CharacterDevice = A.Path("/dev/tap9000") },
                new NetworkDevice("eth1", "tap1_kata", new MacAddress(0x02000000002b),
                    1) { CharacterDevice = A.Path("/dev/tap9001") },
            ],
        };
        var lines = Lines(
            vm,
            A.Host() with
            {
                NicDescriptors = new Dictionary<string,
                IReadOnlyList<int>>
                { ["eth0"] = [4, 5], ["eth1"] = [6] }
            });

        lines.Should().Contain([
            "-netdev tap,id=eth0,fds=4:5,vhost=off",
            "-device virtio-net-pci,id=nic-eth0,netdev=eth0,mac=02:00:00:00:00:2a,mq=on,vectors=6,romfile=",
            "-netdev tap,id=eth1,fds=6,vhost=off",
            "-device virtio-net-pci,id=nic-eth1,netdev=eth1,mac=02:00:00:00:00:2b,romfile=",
        ]);
    }

    [Fact]
    public void Print_when_a_path_has_a_comma_doubles_it() =>
        Lines(A.Vm() with { Devices = [new SharedDirectoryDevice(A.Path("/run/a,b"), "t", 8, 64)] }, A.Host())
            .Should().Contain([
            "-chardev socket,id=share,path=/run/a,,b",
            "-device vhost-user-fs-pci,id=fs-share,chardev=share,tag=t,queue-size=8,cache-size=64M",
        ]);

    [Theory]
    [InlineData("microvm", null)]
    [InlineData("q35", "/usr/share/OVMF.fd")]
    public void Print_when_nothing_can_be_plugged_has_no_bridge(string type, string? firmware)
    {
        var machine = A.Vm().Machine with { MachineType = type, Firmware = firmware is null ? null : A.Path(firmware) };

        Lines(A.Vm() with { Machine = machine }, A.Host()).Should().NotContain(l => l.Contains("pci-bridge"));
    }

    [Fact]
    public void Print_when_debugging_names_threads_and_lets_the_kernel_speak()
    {
        var lines = Lines(
            A.Vm() with { Machine = A.Vm().Machine with { Debug = true, SeccompSandbox = "" } }, A.Host());

        lines.Should().Contain("-name sandbox-pod1,debug-threads=on");
        lines.Last().Should().EndWith("console=ttyS0 debug");
    }

    [Fact]
    public void Print_when_settings_have_parameters_they_come_first() =>
        Lines(A.Vm() with { Boot = A.Vm().Boot with { KernelParameters = ["agent.log=debug"] } }, A.Host())
            .Should().Contain(l => l.StartsWith("-append agent.log=debug cryptomgr", StringComparison.Ordinal));

    private static List<string> Lines(VmSpec vm, HostChoices host) =>
        [.. QemuCommandLine.Options(vm, host).Select(option => string.Join(' ', option.Print()))];
}
