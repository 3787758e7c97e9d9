using System.Runtime.InteropServices;
using Kata.Adapters.Qemu.CommandLine;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Unit.Qemu;

/// <summary>Machines to start from.</summary>
internal static class A
{
    public static HostPath Path(string path) => HostPath.Parse(path, "path");

    public static VmSpec Vm() => new()
    {
        Sandbox = SandboxId.Parse("pod1"),
        Name = "sandbox-pod1",
        Machine = new MachineOptions { Program = Path("/usr/bin/qemu"), SeccompSandbox = "on,obsolete=deny" },
        Boot = new BootAssets { Kernel = Path("/boot/vmlinux"), Initrd = Path("/boot/initrd.img") },
        Resources = new VmResources(1, 2, 512, 2048, 10),
        Devices = [
            new RngDevice(Path("/dev/urandom")),
            new SharedDirectoryDevice(Path("/run/vc/sbs/pod1/vhost-fs.sock"), "kataShared", 1024, 0),
        ],
    };

    public static VmSpec WithImage(this VmSpec vm, ImageDriver driver, string fsType = "ext4") => vm with
    {
        Boot = vm.Boot with
        {
            Initrd = null,
            Image = Path("/boot/rootfs.img"),
            ImageBytes = 128 << 20,
            ImageDriver = driver,
            RootFsType = fsType
        },
    };

    public static HostChoices Host(Architecture architecture = Architecture.X64, bool kvm = false) => new()
    {
        Architecture = architecture,
        Kvm = kvm,
        VhostNet = false,
        QmpDescriptor = 3,
    };
}
