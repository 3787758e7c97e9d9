using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>
/// The network as Docker sets it up from 28 on: in the namespace of the pid that Create answered, before Start.
/// </summary>
[Trait("peers", "no")]
public sealed class LateNetworkTests(PrivateContainerd host) : EndToEndTest(host)
{
    [MachineTheory]
    [InlineData("tcfilter")]
    [InlineData("macvtap")]
    public async Task Links_that_come_between_create_and_start_are_there_when_the_process_begins(string model)
    {
        using var _ = Host.Configuration.With(("runtime", "internetworking_model", KataConfiguration.Text(model)));
        var id = Host.NewId("late");
        (await Host.CtrAsync("containers", "create", "--runtime", TestSettings.Runtime, "--", BusyboxImage.Name, id,
            "sh", "-c",
            "ping -q -c 1 -W 5 10.77.0.1 && ip route | grep -q 'default via 10.77.0.1 dev eth0' && sleep 1000")).Exited(0);
        using var tasks = new TasksApi(Host);
        await tasks.CreateAsync(id, await RootAsync(id));
        var pid = (await Host.CtrAsync("tasks", "ls")).Exited(0).Stdout.Split('\n')
            .First(line => line.StartsWith(id, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        (await Host.InsideAsync("sh", "-c",
            $"""
            set -e
            ip link add dock0 type veth peer name eth0 netns {pid}
            ip addr add 10.77.0.1/24 dev dock0
            ip link set dock0 up
            nsenter -t {pid} -n ip addr add 10.77.0.2/24 dev eth0
            nsenter -t {pid} -n ip link set eth0 up
            nsenter -t {pid} -n ip route add default via 10.77.0.1
            """)).Exited(0);

        await tasks.StartAsync(id);

        (await Host.InsideAsync("busybox", "ping", "-c", "1", "-W", "10", "10.77.0.2")).Exited(0);
        (await Host.CtrAsync("tasks", "exec", "--exec-id", "x", id, "ping", "-q", "-c", "1", "-W", "5", "10.77.0.1"))
            .Exited(0);
        (await Host.CtrAsync("tasks", "delete", "--force", id)).ExitCode.Should().BeOneOf(0, 137);
        (await Host.CtrAsync("containers", "delete", id)).Exited(0);
    }

    // "mount -t TYPE SOURCE TARGET -o OPTIONS"
    private async Task<(string Type, string Source, string[] Options)> RootAsync(string id)
    {
        var words = (await Host.CtrAsync("snapshots", "mounts", "/x", id)).Exited(0).Stdout.Trim()
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return (words[2], words[3], words[^1].Split(','));
    }
}
