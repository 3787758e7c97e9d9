using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri.Protos;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Security contexts: what a container may do is seen from inside it.</summary>
public sealed class PodSecurityTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    // containerd's default set: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service,
    // net_raw, sys_chroot, mknod, audit_write, setfcap.
    private const string DefaultCapabilities = "00000000a80425fb";

    private const string Facts = "awk '/^(CapEff|CapBnd|NoNewPrivs|Seccomp):/ { print $1 $2 }' /proc/self/status";

    [Fact]
    public async Task User_and_group_are_as_asked()
    {
        (await InsideAsync(s => s.RunAsUser = Value(1000), "id -u; id -g")).Should().Be("1000\n1001\n");
        (await InsideAsync(s => (s.RunAsUser, s.RunAsGroup) = (Value(1234), Value(4321)), "id -u; id -g"))
            .Should().Be("1234\n4321\n");
        (await InsideAsync(s => s.RunAsUsername = "web", "id -un; id -gn")).Should().Be("web\nweb\n");
    }

    [Fact]
    public async Task Supplemental_groups_are_the_asked_ones_and_the_images()
    {
        var groups = await InsideAsync(s =>
        {
            s.RunAsUser = Value(1000);
            s.SupplementalGroups.Add([1111, 2222]);
        }, "id -G");

        groups.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Should().BeEquivalentTo("1001", "1111", "2222", "2000");
    }

    [Fact]
    public async Task Capabilities_are_the_usual_ones_and_those_asked()
    {
        (await InsideAsync(_ => { }, Facts)).Should().Contain($"CapEff:{DefaultCapabilities}\n")
            .And.Contain($"CapBnd:{DefaultCapabilities}\n");
        (await InsideAsync(s => s.Capabilities = new Capability
        {
            AddCapabilities = { "NET_BIND_SERVICE" },
            DropCapabilities = { "ALL" }
        }, Facts))
            .Should().Contain("CapEff:0000000000000400\n").And.Contain("CapBnd:0000000000000400\n");
        (await InsideAsync(s => s.Capabilities = new Capability
        {
            AddCapabilities = { "NET_ADMIN" },
            DropCapabilities = { "CHOWN" }
        },
            "ip link add lo9 type dummy && ip link del lo9 && echo link; chown 1 /tmp 2> /dev/null || echo no chown")).Should().EndWith("no chown\n");
    }

    /// <summary>
    /// As the init containers of service meshes do: rules that lead what the pod sends through a proxy of its own. In a
    /// machine, its kernel has to have them; iptables and nft are the host's.
    /// </summary>
    [Fact]
    [Trait("peers", "no")]
    public async Task Rules_that_a_container_with_net_admin_sets_hold_for_the_pod()
    {
        const string Rules =
            """
            set -e
            export XTABLES_LIBDIR=/host/lib/x86_64-linux-gnu/xtables
            host() {
                tool=/host/sbin/$1; shift
                /host/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path /host/lib/x86_64-linux-gnu $tool "$@"
            }
            host xtables-nft-multi iptables -t nat -N MESH
            host xtables-nft-multi iptables -t nat -A OUTPUT -p tcp -m multiport --dports 8081,8082 -m comment --comment mesh -j MESH
            host xtables-nft-multi iptables -t nat -A MESH -m owner --uid-owner 1337 -j RETURN
            host xtables-nft-multi iptables -t nat -A MESH -p tcp -j REDIRECT --to-ports 8080
            host xtables-nft-multi iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
            host nft 'add table ip own; add chain ip own out { type nat hook output priority -99; }; add rule ip own out tcp dport 8083 redirect to :8080'
            """;

        await InsideAsync(
            s => s.Capabilities = new Capability { AddCapabilities = { "NET_ADMIN", "NET_RAW" } }, Rules,
            c => c.Mounts.Add(new Mount { ContainerPath = "/host", HostPath = "/usr", Readonly = true }));
        var reached = await InsideAsync(
            _ => { },
            "mkdir /tmp/w; echo page > /tmp/w/page; httpd -p 127.0.0.1:8080 -h /tmp/w; for port in 8081 8083; do wget -q -O - http://127.0.0.1:$port/page; done");
        var passed = await InsideAsync(
            s => s.RunAsUser = Value(1337), "wget -q -O - http://127.0.0.1:8082/page 2>&1 || echo none");

        reached.Should().Be("page\npage\n");
        passed.Should().Contain("refused").And.EndWith("none\n");
    }

    [Fact]
    public async Task No_new_privileges_is_set_when_asked()
    {
        (await InsideAsync(s => s.NoNewPrivs = true, Facts)).Should().Contain("NoNewPrivs:1\n");
        (await InsideAsync(_ => { }, Facts)).Should().Contain("NoNewPrivs:0\n");
    }

    [Fact]
    public async Task Root_is_read_only_when_asked()
    {
        (await InsideAsync(s => s.ReadonlyRootfs = true, "touch /x 2>&1; touch /dev/shm/x && echo shm"))
            .Should().Contain("Read-only file system").And.EndWith("shm\n");
    }

    [Fact]
    public async Task Paths_are_masked_and_read_only_when_asked()
    {
        (await InsideAsync(s =>
        {
            s.MaskedPaths.Add(["/proc/meminfo", "/bin", "/no/such"]);
            s.ReadonlyPaths.Add(["/proc/sys", "/var"]);
        }, "/tools/busybox cat /proc/meminfo; echo /bin/*; (echo 1 > /proc/sys/kernel/domainname) 2> /dev/null || echo fixed; (: > /var/x) 2> /dev/null || echo fixed",
            // The shell's own names are masked too: it is called by another path.
            c =>
                c.Mounts.Add(
                    new Mount
                    {
                        ContainerPath = "/tools/busybox",
                        HostPath = "/usr/bin/busybox",
                        Readonly = true
                    }), "/tools/busybox"))
            .Should().Be("/bin/*\nfixed\nfixed\n");
    }

    [Theory]
    [InlineData(SecurityProfile.Types.ProfileType.Unconfined, "0")]
    [InlineData(SecurityProfile.Types.ProfileType.RuntimeDefault, "2")]
    public async Task Seccomp_is_as_asked(SecurityProfile.Types.ProfileType type, string mode)
    {
        (await InsideAsync(s => s.Seccomp = new SecurityProfile { ProfileType = type }, Facts))
            .Should().Contain($"Seccomp:{mode}\n");
    }

    [Fact]
    public async Task Seccomp_profile_of_the_hosts_forbids_what_it_says()
    {
        var profile = Path.Combine(Host.NewVolume(), "profile.json");
        await File.WriteAllTextAsync(profile,
            """{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}""");

        (await InsideAsync(s => s.Seccomp = new SecurityProfile
        {
            ProfileType = SecurityProfile.Types.ProfileType.Localhost,
            LocalhostRef = profile
        },
            "mkdir /tmp/d 2>&1; touch /tmp/f && echo file")).Should().Contain("Operation not permitted").And.EndWith("file\n");
    }

    [Fact]
    public async Task Seccomp_profile_that_is_missing_is_refused()
    {
        var config = Pod.NewContainer();
        config.Linux.SecurityContext.Seccomp = new SecurityProfile
        {
            ProfileType = SecurityProfile.Types.ProfileType.Localhost,
            LocalhostRef = "/no/such/profile.json"
        };

        (await FluentActions.Awaiting(() => Pod.StartAsync(config)).Should().ThrowAsync<RpcException>())
            .Which.Status.Detail.Should().Contain("/no/such/profile.json");
    }

    [Fact]
    public async Task Devices_are_the_usual_ones_and_work()
    {
        (await InsideAsync(_ => { },
            "ls -1 /dev | grep -v core | sort | tr '\\n' ' '; head -c 4 /dev/zero | wc -c; echo x > /dev/null && mknod /tmp/mem c 1 1 && (cat /tmp/mem > /dev/null) 2> /dev/null || echo refused"))
            .Should().Be("fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 4\nrefused\n");
    }

    private static Int64Value Value(long value) => new() { Value = value };

    private async Task<string> InsideAsync(
        Action<LinuxContainerSecurityContext> change, string line, Action<ContainerConfig>? more = null,
        params string[] shell)
    {
        return (await Pod.RunToEndAsync(c =>
        {
            change(c.Linux.SecurityContext);
            more?.Invoke(c);
        }, [.. shell, "sh", "-c", line])).Ok();
    }
}

/// <summary>A pod that is privileged: in its machine, not on the host.</summary>
public sealed class PrivilegedPodTests(PodHost host) : PodTest(host)
{
    [Fact]
    public async Task Privileged_container_has_all_capabilities_and_none_of_the_hosts_devices()
    {
        await using var pod = await Pod.RunAsync(Host, c => c.Linux.SecurityContext.Privileged = true);
        var done = await pod.RunToEndAsync(
            c => c.Linux.SecurityContext.Privileged = true, "sh", "-c",
            "awk '/^(CapEff|Seccomp):/ { print $2 }' /proc/self/status; mount -t tmpfs tmpfs /tmp && echo mounted; [ -w /proc/sys/kernel ] && echo writable; ls /dev/kvm /dev/net/tun 2> /dev/null | wc -l");

        var words = done.Ok().Split('\n');
        Convert.ToUInt64(words[0], 16).Should().BeGreaterThanOrEqualTo(0x1ffffffffff & ~(1UL << 24));
        words[1..4].Should().Equal("0", "mounted", "writable");
        if (Containerd.TestSettings.HasMachine)
            words[4].Should().Be("0");
    }

    /// <summary>In a machine, its kernel has to find the drivers for that.</summary>
    [Fact]
    [Trait("peers", "no")]
    public async Task Privileged_container_makes_bridges_and_pairs_of_links()
    {
        await using var pod = await Pod.RunAsync(Host, c => c.Linux.SecurityContext.Privileged = true);
        var done = await pod.RunToEndAsync(
            c => c.Linux.SecurityContext.Privileged = true, "sh", "-c",
            "brctl addbr own && ip link add one type veth peer name two && brctl addif own one && ip link show dev one | grep -o 'master own'; ip link del one; ip link del own && echo gone");

        done.Ok().Should().Be("master own\ngone\n");
    }

    /// <summary>What is mounted in a machine stays in it: a volume's own files are what both sides share.</summary>
    [Fact]
    [Trait("peers", "no")]
    public async Task Mount_that_a_privileged_container_makes_is_seen_where_it_can_be()
    {
        var volume = Host.NewVolume();
        (await Host.InsideAsync("mount", "--bind", volume, volume)).Exited(0);
        (await Host.InsideAsync("mount", "--make-rshared", volume)).Exited(0);
        try
        {
            await using var pod = await Pod.RunAsync(Host, c => c.Linux.SecurityContext.Privileged = true);
            var id = await pod.StartAsync(c =>
            {
                c.Linux.SecurityContext.Privileged = true;
                c.Mounts.Add(
                    new Mount
                    {
                        HostPath = volume,
                        ContainerPath = "/data",
                        Propagation = MountPropagation.PropagationBidirectional
                    });
            });

            await pod.ShellAsync(id, "mkdir /data/m && mount -t tmpfs tmpfs /data/m && touch /data/m/inside");

            (await Host.InsideAsync("ls", Path.Combine(volume, "m")))
                .Stdout.Should().Be(Containerd.TestSettings.HasMachine ? "" : "inside\n");
            var follower = await pod.StartAsync(
                c =>
                    c.Mounts.Add(
                        new Mount
                        {
                            HostPath = volume,
                            ContainerPath = "/in",
                            Propagation = MountPropagation.PropagationHostToContainer
                        }));
            await pod.ShellAsync(id, "mkdir /data/n && mount -t tmpfs tmpfs /data/n && touch /data/n/later");
            (await pod.ShellAsync(follower, "ls /in/m /in/n")).Should().Be("/in/m:\ninside\n\n/in/n:\nlater\n");
            await pod.ShellAsync(id, "umount /data/n");
            (await pod.ShellAsync(follower, "ls /in/n")).Should().BeEmpty();
        }
        finally
        {
            await Host.InsideAsync("umount", "-R", "-l", volume);
        }
    }
}
