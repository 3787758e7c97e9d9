using FluentAssertions;
using Kata.Platform.Protos.Containerd.Cri;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>What a pod's configuration says for all its containers.</summary>
public sealed class PodConfigurationTests(PodHost host) : PodTest(host)
{
    [Fact]
    public async Task Pod_has_the_names_and_kernel_settings_of_its_configuration()
    {
        await using var pod = await Pod.RunAsync(Host, c =>
        {
            c.Hostname = "web-0";
            c.DnsConfig = new DNSConfig
            {
                Servers = { "10.9.8.7", "fd00::53" },
                Searches = { "one.example", "two.example" },
                Options = { "ndots:5" }
            };
            c.Linux.Sysctls["kernel.shm_rmid_forced"] = "1";
            c.Linux.Sysctls["net.ipv4.ip_local_port_range"] = "1024 65000";
            c.Linux.Sysctls["net.ipv4.tcp_syncookies"] = "0";
            c.Linux.Sysctls["net.ipv4.ping_group_range"] = "0 1000";
        });
        var id = await pod.StartAsync(pod.NewContainer());

        (await pod.ShellAsync(id, "hostname; cat /etc/hostname")).Should().Be("web-0\nweb-0\n");
        (await pod.ShellAsync(id, "cat /etc/resolv.conf")).Should()
            .Be("search one.example two.example\nnameserver 10.9.8.7\nnameserver fd00::53\noptions ndots:5\n");
        (await pod.ShellAsync(id,
            "cd /proc/sys; cat kernel/shm_rmid_forced net/ipv4/ip_local_port_range net/ipv4/tcp_syncookies net/ipv4/ping_group_range"))
            .Should().Be("1\n1024\t65000\n0\n0\t1000\n");
    }

    [Fact]
    public async Task Pod_of_a_user_and_with_a_read_only_root_starts()
    {
        await using var pod = await Pod.RunAsync(Host, c =>
        {
            c.Linux.SecurityContext.RunAsUser = new Int64Value { Value = 1000 };
            c.Linux.SecurityContext.RunAsGroup = new Int64Value { Value = 1001 };
            c.Linux.SecurityContext.SupplementalGroups.Add(4242);
            c.Linux.SecurityContext.ReadonlyRootfs = true;
            c.Linux.SecurityContext.Seccomp = new SecurityProfile
            {
                ProfileType = SecurityProfile.Types.ProfileType.RuntimeDefault
            };
        });

        (await pod.RunToEndAsync(_ => { }, "id", "-u")).Ok().Should().Be("0\n");
    }
}
