using System.Text.Json;
using FluentAssertions;
using Kata.Apps.Agent.Containers;
using Kata.Apps.Agent.Sandboxes;
using Kata.Platform.Linux;
using Xunit;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Agent;

public class SpecAdapterTests
{
    private static readonly ContainerPlace Place = new(
        "/kata/pod/c01", "/ns/ipc", "/ns/uts", "", SelinuxEnabled: false);

    [Fact]
    public void Adapt_gives_shared_namespaces_and_private_ones()
    {
        var adapted = SpecAdapter.Adapt(Spec(), Place, "/bundle/rootfs");

        adapted.Linux.Namespaces.Select(n => (n.Type, n.Path)).Should().Equal(
            ("ipc", "/ns/ipc"), ("uts", "/ns/uts"), ("mount", ""), ("pid", ""), ("cgroup", ""));
        adapted.Linux.CgroupsPath.Should().Be("/kata/pod/c01");
        adapted.Root.Path.Should().Be("/bundle/rootfs");
    }

    [Fact]
    public void Adapt_when_pids_are_shared_joins_the_first_containers()
    {
        var adapted = SpecAdapter.Adapt(Spec(), Place with { PidNamespace = "/proc/42/ns/pid" }, "/r");

        adapted.Linux.Namespaces.Should().ContainEquivalentOf(
            new Oci.LinuxNamespace { Type = "pid", Path = "/proc/42/ns/pid" });
    }

    [Fact]
    public void Adapt_leaves_what_came_as_it_was()
    {
        var spec = Spec();
        var before = spec.Clone();

        SpecAdapter.Adapt(spec, Place, "/r");

        spec.Should().Be(before);
    }

    [Fact]
    public void Adapt_takes_the_hosts_memory_nodes_and_labels_away_and_keeps_its_own_processors()
    {
        var spec = Spec();
        spec.Linux.Resources.CPU = new Oci.LinuxCPU { Cpus = "1", Mems = "0", Shares = 512 };
        spec.Process.SelinuxLabel = "a:b:c:d";

        var adapted = SpecAdapter.Adapt(spec, Place, "/r");

        adapted.Linux.Resources.CPU.Should().Be(new Oci.LinuxCPU { Cpus = "1", Shares = 512 });
        adapted.Process.SelinuxLabel.Should().BeEmpty();
    }

    [Fact]
    public void Adapt_when_a_mounts_options_say_bind_makes_it_one()
    {
        var spec = Spec();
        spec.Mounts.Add(
            new Oci.Mount { Destination = "/data", Source = "/run/x", Type = "local", Options = { "rbind" } });

        SpecAdapter.Adapt(spec, Place, "/r").Mounts[^1].Type.Should().Be("bind");
    }

    [Fact]
    public void Adapt_when_a_binds_source_forbids_something_keeps_that_forbidden_unless_told_otherwise()
    {
        var spec = Spec();
        spec.Mounts.Clear();
        spec.Mounts.Add(new Oci.Mount { Destination = "/dev/shm", Source = "/run/shm", Options = { "rbind" } });
        spec.Mounts.Add(new Oci.Mount { Destination = "/x", Source = "/run/shm/x", Options = { "rbind", "exec" } });
        spec.Mounts.Add(new Oci.Mount { Destination = "/y", Source = "/run/shmy", Options = { "rbind" } });
        var mounts = MountInfo.Parse("""
            27 1 0:23 / / rw,nosuid - tmpfs root rw
            35 28 0:29 / /run/shm rw,nodev,noexec,relatime - tmpfs shm rw
            """);

        var adapted = SpecAdapter.Adapt(spec, Place, "/r", mounts);

        adapted.Mounts.Select(mount => string.Join(',', mount.Options))
            .Should().Equal("rbind,nodev,noexec", "rbind,exec,nodev", "rbind");
    }

    [Fact]
    public void Write_makes_what_crun_reads()
    {
        var spec = Spec();
        spec.Linux.Resources.Pids = new Oci.LinuxPids { Limit = 20 };
        spec.Linux.Resources.Memory = new Oci.LinuxMemory { Limit = -1 };
        spec.Hooks = new Oci.Hooks { Poststop = { new Oci.Hook { Path = "/bin/true", Args = { "true" } } } };
        spec.Linux.Seccomp = new Oci.LinuxSeccomp
        {
            DefaultAction = "SCMP_ACT_ERRNO",
            Syscalls = { new Oci.LinuxSyscall
            {
                Names = { "read" },
                Action = "SCMP_ACT_ALLOW"
            }, new Oci.LinuxSyscall { Names = { "clone3" }, Action = "SCMP_ACT_ERRNO", Errnoret = 0 } },
        };
        spec.Process.User = new Oci.User { UID = 5, Umask = 0x17 };
        var adapted = SpecAdapter.Adapt(spec, Place, "/r");

        using var json = JsonDocument.Parse(OciConfig.Write(adapted, DeviceNodes.Rules(adapted.Linux)));

        var root = json.RootElement;
        root.GetProperty("ociVersion").GetString().Should().Be("1.0.2", "crun refuses versions newer than itself");
        root.GetProperty("process").GetProperty("args")[0].GetString().Should().Be("uname");
        root.GetProperty("process").GetProperty("cwd").GetString().Should().Be("/");
        root.GetProperty("process").GetProperty("user").GetProperty("umask").GetUInt32().Should().Be(0x17);
        root.GetProperty("process").TryGetProperty("oomScoreAdj", out _).Should().BeFalse();
        root.GetProperty("process").GetProperty("rlimits")[0].GetProperty("soft").GetUInt64()
            .Should().Be(1 << 20, "a spec without limits counts on wide ones");
        root.GetProperty("hooks").GetProperty("poststop")[0].GetProperty("path").GetString().Should().Be("/bin/true");
        var resources = root.GetProperty("linux").GetProperty("resources");
        resources.GetProperty("pids").GetProperty("limit").GetInt64().Should().Be(20);
        resources.GetProperty("memory").GetProperty("limit").GetInt64().Should().Be(-1);
        var calls = root.GetProperty("linux").GetProperty("seccomp").GetProperty("syscalls");
        calls[0].TryGetProperty("errnoRet", out _).Should().BeFalse();
        calls[1].GetProperty("errnoRet").GetUInt32().Should().Be(0);
    }

    [Fact]
    public void Complete_when_there_are_no_arguments_is_a_shell()
    {
        var process = new Oci.Process();

        SpecAdapter.Complete(process, selinuxEnabled: false);

        process.Args.Should().Equal("sh");
    }

    [Theory]
    [InlineData("c01", true)]
    [InlineData("a.b-c_d", true)]
    [InlineData("b", true)]
    [InlineData("", false)]
    [InlineData("../x", false)]
    [InlineData(".hidden", false)]
    [InlineData("a/b", false)]
    [InlineData("aé", false)]
    [InlineData("shared", false)]
    [InlineData("sandbox", false)]
    public void IsValid_tells_which_names_are_path_segments(string id, bool valid) =>
        ContainerName.IsValid(id).Should().Be(valid);

    private static Oci.Spec Spec() => new()
    {
        Version = "1.3.0",
        Process = new Oci.Process { Args = { "uname", "-a" } },
        Root = new Oci.Root { Path = "/share/rootfs" },
        Linux = new Oci.Linux
        {
            Resources = new Oci.LinuxResources(),
            CgroupsPath = "/default/c01",
            Namespaces =
            {
                new Oci.LinuxNamespace { Type = "ipc" },
                new Oci.LinuxNamespace { Type = "uts" },
                new Oci.LinuxNamespace { Type = "mount" },
                new Oci.LinuxNamespace { Type = "network", Path = "/host/ns" },
            },
        },
    };
}
