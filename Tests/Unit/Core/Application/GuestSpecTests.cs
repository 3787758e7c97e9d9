using FluentAssertions;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>What a bundle's specification becomes on its way into the guest.</summary>
public sealed class GuestSpecTests
{
    private static readonly ContainerId Id = ContainerId.Parse("box");

    [Fact]
    public void Root_is_the_guests_and_what_the_host_has_done_is_taken_out()
    {
        var spec = Build(new OciSpec
        {
            Root = new OciRoot { Path = "/host/rootfs", Readonly = true },
            Hooks = new OciHooks { Prestart = [new OciHook { Path = "/h" }] },
            Process = new OciProcess { SelinuxLabel = "l", ApparmorProfile = "p", Args = ["sh"] },
            Linux = new OciLinux { MountLabel = "m", Seccomp = new OciSeccomp { DefaultAction = "SCMP_ACT_ERRNO" } },
        });

        spec.Oci.Root.Should().Be(
            new OciRoot { Path = "/run/kata-containers/shared/containers/box/rootfs", Readonly = true });
        spec.Oci.Hooks.Should().BeNull();
        spec.Oci.Process!.SelinuxLabel.Should().BeNull();
        spec.Oci.Process.ApparmorProfile.Should().BeNull();
        spec.Oci.Process.Args.Should().Equal("sh");
        spec.Oci.Linux!.MountLabel.Should().BeNull();
        spec.Oci.Linux.Seccomp.Should().BeNull();
        spec.Oci.Annotations["io.katacontainers.pkg.oci.bundle_path"].Should().Be("/bundles/box");
        spec.Oci.Annotations["io.katacontainers.pkg.oci.container_type"].Should().Be("pod_container");
    }

    [Fact]
    public void Seccomp_is_kept_where_the_guest_can() =>
        (Build(new OciSpec { Linux = new OciLinux { Seccomp = new OciSeccomp() } }, disableSeccomp: false))
            .Oci.Linux!.Seccomp.Should().NotBeNull();

    [Theory]
    [InlineData("/proc/1/ns/pid", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Namespaces_of_the_host_are_dropped_and_a_shared_pid_namespace_is_noticed(string? path, bool shared)
    {
        var spec = Build(new OciSpec
        {
            Linux = new OciLinux
            {
                Namespaces =
                [
                    new OciNamespace { Type = "pid", Path = path },
                    new OciNamespace { Type = "network", Path = "/run/netns/x" },
                    new OciNamespace { Type = "ipc", Path = "/proc/1/ns/ipc" }, new OciNamespace { Type = "mount" },
                    new OciNamespace { Type = "cgroup" }, new OciNamespace { Type = "time" },
                    new OciNamespace { Type = "uts" },
                ],
            },
        });

        spec.SharedPidNamespace.Should().Be(shared);
        spec.Oci.Linux!.Namespaces.Should().Equal(
            new OciNamespace { Type = "ipc" }, new OciNamespace { Type = "mount" }, new OciNamespace { Type = "uts" });
    }

    [Fact]
    public void Limits_keep_what_means_something_in_the_guest()
    {
        var resources = (Build(new OciSpec
        {
            Linux = new OciLinux
            {
                Resources = new OciResources
                {
                    Cpu = new OciCpu { Cpus = "0-3", Mems = "0", Quota = 5, Shares = 6 },
                    Memory = new OciMemory { Limit = 7 },
                },
            },
        })).Oci.Linux!.Resources!;

        resources.Cpu.Should().Be(new OciCpu { Cpus = "1", Quota = 5, Shares = 6 });
        resources.Memory!.Limit.Should().Be(7);
    }

    [Fact]
    public void Volumes_are_what_was_placed()
    {
        var volumes = new MappedVolumes
        {
            Root = GuestPath.Parse("/run/root", "root"),
            Mounts = [new OciMount { Destination = "/data", Source = "/guest/data" }],
            Storages = [new GuestMount
            {
                Driver = "blk",
                Source = "02/01",
                FsType = "ext4",
                MountPoint = GuestPath.Parse("/run/root", "root")
            }],
            Devices = [new GuestDevice("blk", "02/02", "/dev/xvda")],
            Nodes = [new OciDevice { Path = "/dev/xvda", Type = "b" }],
        };

        var spec = GuestSpec.Build(
            Id, ContainerKind.Single, HostPath.Parse("/b", "b"),
            new OciSpec
            {
                Mounts = [new OciMount { Destination = "/host" }],
                Linux = new OciLinux { Devices = [new OciDevice { Path = "/dev/host" }] },
            },
            volumes, CpuList.Empty, true);

        spec.Storages.Should().Equal(volumes.Storages);
        spec.Devices.Should().Equal(volumes.Devices);
        spec.Oci.Root!.Path.Should().Be("/run/root");
        spec.Oci.Mounts.Should().Equal(volumes.Mounts);
        spec.Oci.Linux!.Devices.Should().Equal(volumes.Nodes);
    }

    private static GuestContainerSpec Build(OciSpec spec, bool disableSeccomp = true) =>
        GuestSpec.Build(
            Id, ContainerKind.PodContainer, HostPath.Parse("/bundles/box", "bundle"), spec, new MappedVolumes(),
            CpuList.Of([1]), disableSeccomp);
}
