using FluentAssertions;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>What a bundle's specification becomes on its way into the guest.</summary>
public sealed class GuestSpecTests
{
    private static readonly ContainerId Id = ContainerId.Parse("box");
    private readonly Share _share = new();

    [Fact]
    public async Task Root_is_the_guests_and_what_the_host_has_done_is_taken_out()
    {
        var spec = await BuildAsync(new OciSpec
        {
            Root = new OciRoot { Path = "/host/rootfs", Readonly = true },
            Hooks = new OciHooks { Prestart = [new OciHook { Path = "/h" }] },
            Process = new OciProcess { SelinuxLabel = "l", ApparmorProfile = "p", Args = ["sh"] },
            Linux = new OciLinux { MountLabel = "m", Seccomp = new OciSeccomp { DefaultAction = "SCMP_ACT_ERRNO" } },
        });

        spec.Oci.Root.Should().Be(new OciRoot { Path = "/run/kata-containers/shared/containers/box/rootfs", Readonly = true });
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
    public async Task Seccomp_is_kept_where_the_guest_can() =>
        (await BuildAsync(new OciSpec { Linux = new OciLinux { Seccomp = new OciSeccomp() } }, disableSeccomp: false)).Oci.Linux!.Seccomp.Should().NotBeNull();

    [Theory]
    [InlineData("/proc/1/ns/pid", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public async Task Namespaces_of_the_host_are_dropped_and_a_shared_pid_namespace_is_noticed(string? path, bool shared)
    {
        var spec = await BuildAsync(new OciSpec
        {
            Linux = new OciLinux
            {
                Namespaces =
                [
                    new OciNamespace { Type = "pid", Path = path }, new OciNamespace { Type = "network", Path = "/run/netns/x" },
                    new OciNamespace { Type = "ipc", Path = "/proc/1/ns/ipc" }, new OciNamespace { Type = "mount" },
                    new OciNamespace { Type = "cgroup" }, new OciNamespace { Type = "time" }, new OciNamespace { Type = "uts" },
                ],
            },
        });

        spec.SharedPidNamespace.Should().Be(shared);
        spec.Oci.Linux!.Namespaces.Should().Equal(
            new OciNamespace { Type = "ipc" }, new OciNamespace { Type = "mount" }, new OciNamespace { Type = "uts" });
    }

    [Fact]
    public async Task Limits_keep_what_means_something_in_the_guest()
    {
        var resources = (await BuildAsync(new OciSpec
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

        resources.Cpu.Should().Be(new OciCpu { Quota = 5, Shares = 6 });
        resources.Memory!.Limit.Should().Be(7);
    }

    [Fact]
    public async Task Mounts_of_host_files_are_shared_and_others_stay()
    {
        var mounts = (await BuildAsync(new OciSpec
        {
            Mounts =
            [
                new OciMount { Destination = "/proc", Type = "proc", Source = "proc" },
                new OciMount { Destination = "/dev/shm", Type = "bind", Source = "/host/shm" },
                new OciMount { Destination = "/dev/fuse", Type = "bind", Source = "/dev/fuse" },
                new OciMount { Destination = "/data", Type = "bind", Source = "/host/data", Options = ["rbind", "ro"] },
                new OciMount { Destination = "/etc/hosts", Source = "/host/hosts", Options = ["rbind", "rw"] },
                new OciMount { Destination = "/sys/fs/cgroup", Type = "bind", Source = "/sys/fs/cgroup" },
                new OciMount { Destination = "/tmp", Type = "tmpfs", Source = "tmpfs" },
            ],
        })).Oci.Mounts;

        mounts.Select(mount => (mount.Destination, mount.Source)).Should().Equal(
            ("/proc", "proc"),
            ("/dev/shm", "/run/kata-containers/sandbox/shm"),
            ("/data", "/run/kata-containers/shared/containers/box-2-data"),
            ("/etc/hosts", "/run/kata-containers/shared/containers/box-3-hosts"),
            ("/sys/fs/cgroup", "/sys/fs/cgroup"),
            ("/tmp", "tmpfs"));
        _share.Shared.Should().Equal(("/host/data", ShareAccess.ReadOnly), ("/host/hosts", ShareAccess.ReadWrite));
    }

    [Fact]
    public async Task Mount_when_its_destination_is_long_still_fits_a_file_name()
    {
        await BuildAsync(new OciSpec { Mounts = [new OciMount { Destination = "/" + new string('\u20ac', 250), Type = "bind", Source = "/host/x" }] });

        _share.Names.Should().OnlyContain(name => System.Text.Encoding.UTF8.GetByteCount(name) <= 255);
    }

    [Theory]
    [InlineData("/host/../etc")]
    [InlineData("relative")]
    [InlineData(null)]
    public async Task Mount_when_its_source_is_no_path_is_refused_and_named(string? source)
    {
        var failure = await Refusal.OfAsync(() => BuildAsync(new OciSpec { Mounts = [new OciMount { Destination = "/data", Type = "bind", Source = source }] }));

        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain("/data");
    }

    [Fact]
    public async Task Mount_when_nothing_is_shared_is_refused() =>
        (await Refusal.OfAsync(() => GuestSpec.BuildAsync(
            Id, ContainerKind.Single, HostPath.Parse("/b", "b"), new OciSpec { Mounts = [new OciMount { Destination = "/d", Type = "bind", Source = "/s" }] },
            null, true, default))).Message.Should().Contain("shared_fs");

    private Task<GuestContainerSpec> BuildAsync(OciSpec spec, bool disableSeccomp = true) =>
        GuestSpec.BuildAsync(Id, ContainerKind.PodContainer, HostPath.Parse("/bundles/box", "bundle"), spec, _share, disableSeccomp, default);

    private sealed class Share : ISharedDirectory
    {
        public List<(string Source, ShareAccess Access)> Shared { get; } = [];

        public List<string> Names { get; } = [];

        public Device VmDevice => throw new NotSupportedException();

        public Task<string> Exited => throw new NotSupportedException();

        public HostPath RootfsTarget(ContainerId container) => throw new NotSupportedException();

        public Task<GuestPath> ShareAsync(ContainerId container, HostPath source, string name, ShareAccess access, CancellationToken ct)
        {
            Shared.Add((source.Value, access));
            Names.Add(name);
            return Task.FromResult(GuestPaths.Share.Append(name));
        }

        public Task StopAsync(CancellationToken ct) => Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
