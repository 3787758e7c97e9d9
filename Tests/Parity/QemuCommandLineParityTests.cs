using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FluentAssertions;
using Kata.Adapters.Qemu.Channels;
using Kata.Adapters.Qemu.CommandLine;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Parity;

/// <summary>Our QEMU command lines against those that upstream's shim was seen to use for the same settings.</summary>
public sealed class QemuCommandLineParityTests
{
    private static readonly Dictionary<string, VmSpec> Cases = new()
    {
        ["initrd"] = Vm(),
        ["default"] = WithImage(Vm(), ImageDriver.Nvdimm, "ext4"),
        ["image-block"] = WithImage(Vm(), ImageDriver.VirtioBlk, "ext4"),
        ["image-erofs"] = WithImage(Vm(), ImageDriver.Nvdimm, "erofs"),
        ["seccomp"] = Vm(
            m => m with { SeccompSandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny" }),
        ["debug"] = WithDebugParameters(WithImage(Vm(m => m with { Debug = true }), ImageDriver.Nvdimm, "ext4")),
        ["firmware"] = Vm(m => m with { Firmware = P("/usr/share/OVMF.fd") }),
        ["cache-always-dax"] = Vm() with { Devices = [Rng, new SharedDirectoryDevice(Socket, "kataShared", 512, 512)] },
        ["net-tcfilter"] = Vm() with
        {
            Devices = [.. Vm().Devices, new NetworkDevice("network-0", "tap0_kata", new MacAddress(0x020000000101), 1)]
        },
    };

    private static HostPath Socket => P("/run/vc/sbs/pod1/vhost-fs.sock");

    private static RngDevice Rng => new(P("/dev/urandom"));

    public static TheoryData<string> CaseNames => new(Cases.Keys);

    [Theory]
    [MemberData(nameof(CaseNames))]
    public void Print_when_settings_are_the_same_differs_only_where_meant(string name)
    {
        var unexplained = Differences(name)
            .Where(d => !QemuDifferences.Table.Any(entry => entry.Covers(d.IsOurs, d.Fact)))
            .Select(d => $"only {(d.IsOurs ? "ours" : "upstream's")}: {d.Fact}");

        unexplained.Should().BeEmpty();
    }

    [Fact]
    public void Table_when_compared_with_all_cases_has_no_entry_too_many()
    {
        var all = Cases.Keys.SelectMany(Differences).ToList();

        QemuDifferences.Table.Where(entry => !all.Any(d => entry.Covers(d.IsOurs, d.Fact))).Should().BeEmpty();
        QemuDifferences.Table.Should().OnlyContain(entry => entry.Reason.Length > 10);
    }

    private static IEnumerable<(bool IsOurs, string Fact)> Differences(string name)
    {
        var upstream = OptionFacts.Of(File.ReadAllLines(Path.Combine(Recordings.Folder, name, "qemu.argv")));
        var ours = OptionFacts.Of(QemuCommandLine.Print(Cases[name], new HostChoices
        {
            Architecture = Architecture.X64,
            Kvm = true,
            VhostNet = true,
            QmpDescriptor = 3,
            Channel = [KernelVsock.Device("${CID}", 4)],
        }));
        return [.. upstream.Except(ours).Select(fact => (false, fact)),
            .. ours.Except(upstream).Select(fact => (true, fact))];
    }

    private static VmSpec Vm(Func<MachineOptions, MachineOptions>? change = null)
    {
        var machine = new MachineOptions
        {
            Program = P("/usr/bin/qemu-system-x86_64"),
            MachineType = "q35",
            CpuFeatures = "pmu=off"
        };
        return new VmSpec
        {
            Sandbox = SandboxId.Parse("pod1"),
            Name = "sandbox-${SANDBOX_ID}",
            Machine = change?.Invoke(machine) ?? machine,
            Boot = new BootAssets
            {
                Kernel = P("/usr/share/kata-containers/vmlinux.container"),
                Initrd = P("/usr/share/kata-containers/kata-containers-initrd.img"),
                KernelParameters = ["cgroup_no_v1=all", "systemd.unified_cgroup_hierarchy=1"],
            },
            Resources = new VmResources(1, 2, 2048, 5923, 10),
            Devices = [Rng, new SharedDirectoryDevice(Socket, "kataShared", 1024, 0)],
        };
    }

    private static VmSpec WithImage(VmSpec vm, ImageDriver driver, string fsType) => vm with
    {
        Boot = vm.Boot with
        {
            Initrd = null,
            Image = P("/usr/share/kata-containers/kata-containers.img"),
            ImageBytes = 268435456,
            ImageDriver = driver,
            RootFsType = fsType,
        },
    };

    private static VmSpec WithDebugParameters(VmSpec vm) => vm with
    {
        Boot = vm.Boot with
        {
            KernelParameters = ["agent.log=debug", "agent.debug_console", "agent.debug_console_vport=1026",
                .. vm.Boot.KernelParameters]
        },
    };

    private static HostPath P(string path) => HostPath.Parse(path, "path");
}

/// <summary>What was recorded of upstream's shim, reduced to what is compared.</summary>
internal static class Recordings
{
    public static string Folder { get; } = Path.Combine(Here(), "Recordings", "cmdline");

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
