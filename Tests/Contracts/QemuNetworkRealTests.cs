using System.Runtime.CompilerServices;
using FluentAssertions;
using Kata.Adapters.Guest.Cleanup;
using Kata.Adapters.Guest.Network;
using Kata.Adapters.Qemu;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>
/// QEMU in a pod's network namespace, with its seccomp filter on, takes up what the network adapter has made. Needs
/// root.
/// </summary>
[Trait("category", "real")]
public sealed class QemuNetworkRealTests : IDisposable
{
    private readonly NetworkNamespaces _spaces = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("qemu-network").FullName;
    private readonly HypervisorLedger _ledger = new();

    private static CancellationToken Ct => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [NetnsLauncherTheory]
    [InlineData(InterworkingModel.TcFilter, 2)]
    [InlineData(InterworkingModel.MacVtap, 2)]
    [InlineData(InterworkingModel.TcFilter, 1)]
    [InlineData(InterworkingModel.MacVtap, 1)]
    public async Task Machine_takes_up_nics_at_its_launch_and_later(InterworkingModel model, int queues)
    {
        QemuStandIn.UseLauncher();
        _spaces.AddVeth("eth0", "02:00:00:00:00:10", 1500, "192.0.2.7/24");
        var pod = new NetworkNamespacePath(HostPath.Parse(_spaces.PodPath, "namespace"));
        await using var links = await new NetnsNetwork(TimeProvider.System)
            .OpenAsync(pod, new NetworkOptions(SandboxId.Parse("pod1"), model, queues), _ledger, Ct);
        var plan = await links.AttachAsync(Ct);
        var placement = new VmPlacement
        {
            StateDirectory = HostPath.Parse(Path.Combine(_directory, "state"), "state"),
            NetworkNamespace = links.Namespace
        };

        await using (
            var machine = await new QemuHypervisor(
                new HostCapabilities(), TimeProvider.System, NullLogger<QemuHypervisor>.Instance)
            .LaunchAsync(Machine(plan), placement, _ledger, Ct))
        {
            File.ResolveLinkTarget($"/proc/{machine.ProcessId}/ns/net", returnFinalTarget: false)!.Name
                .Should().Be($"net:[{NetworkNamespaces.Run("stat", $"-L -c %i {_spaces.PodPath}").Trim()}]");
            IsInUse(machine, plan.Devices[0]).Should().BeTrue();

            _spaces.AddVeth("eth1", "02:00:00:00:00:11", 1500, "10.1.0.2/16");
            var later = await links.AttachAsync(Ct);
            var attached = await machine.Hotplug!.AttachAsync(later.Devices[0], Ct);

            attached.GuestAddress.Should().Be("02/01");
            IsInUse(machine, later.Devices[0]).Should().BeTrue();
        }

        foreach (var resource in _ledger.Read().ReleaseOrder())
            await new ResourceReleaser().ReleaseAsync(resource, Ct);
        NetworkNamespaces.Ip($"-n {_spaces.Pod} -br link").Should().NotContain("_kata");
        NetworkNamespaces.Run("tc", $"-n {_spaces.Pod} qdisc").Should().NotContain("ingress");
    }

    public void Dispose()
    {
        _spaces.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>A tap has a carrier while it is open; of a macvtap the descriptors tell.</summary>
    private bool IsInUse(IVirtualMachine machine, NetworkDevice nic) => nic.CharacterDevice is { } device
        ? Directory.EnumerateFileSystemEntries($"/proc/{machine.ProcessId}/fd")
            .Count(
                descriptor =>
                    File.ResolveLinkTarget(descriptor,
                        returnFinalTarget: false)?.FullName == device.Value) == nic.Queues
        : NetworkNamespaces.Ip($"-n {_spaces.Pod} link show {nic.Tap}").Contains("LOWER_UP", StringComparison.Ordinal);

    private static VmSpec Machine(NetworkPlan plan) => new()
    {
        Sandbox = SandboxId.Parse("pod1"),
        Name = "sandbox-pod1",
        Machine = new MachineOptions
        {
            Program = HostPath.Parse("/usr/bin/qemu-system-x86_64", "path"),
            Accelerator = Accelerator.Tcg,
            Channel = GuestChannel.Serial,
            SeccompSandbox = "on,obsolete=deny,spawn=deny,resourcecontrol=deny",
        },
        Boot = new BootAssets { Kernel = Guest("vmlinux"), Initrd = Guest("initrd.img") },
        Resources = new VmResources(1, 1, 128, 128, 0),
        Devices = plan.Devices,
    };

    private static HostPath Guest(string file) => HostPath.Parse(
        Path.Combine(
            Environment.GetEnvironmentVariable("KATA_TEST_GUEST_DIR")
                ?? Path.GetFullPath(Path.Combine(Here(), "../../artifacts/guest/current")), file), "guest");

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}

/// <summary>
/// A test whose process must really enter a namespace, which the stand-in for our launcher does not do.
/// </summary>
internal sealed class NetnsLauncherTheoryAttribute : TheoryAttribute
{
    public NetnsLauncherTheoryAttribute()
    {
        if (Environment.GetEnvironmentVariable("KATA_TEST_LAUNCHER") is null)
            Skip = "needs a program with the spawn verb";
    }
}
