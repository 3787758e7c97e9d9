using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>
/// The main job over each channel between host and guest that this machine can have; AF_VSOCK through vhost-vsock is
/// shown in the test host.
/// </summary>
[Trait("category", "matrix")]
public sealed class ChannelTests(PrivateContainerd host) : EndToEndTest(host)
{
    [MachineFact]
    public Task Run_over_virtio_serial_works_and_says_so() =>
        RunAsync("virtio-serial", ("hypervisor.qemu", "guest_channel", KataConfiguration.Text("serial")));

    [MachineFact]
    public async Task Run_over_vhost_user_vsock_works_and_says_so()
    {
        var daemon = await DaemonAsync();

        await RunAsync("vhost-user",
            ("hypervisor.qemu", "guest_channel", KataConfiguration.Text("vhost-user-vsock")),
            ("hypervisor.qemu", "vhost_vsock_daemon", KataConfiguration.Text(daemon)));
    }

    private async Task RunAsync(string name, params (string Table, string Key, string Value)[] changes)
    {
        using var _ = Host.Configuration.With(changes);
        var logged = Host.Log().Length;
        var id = Host.NewId("channel");
        (await Host.CtrAsync(PrivateContainerd.RunArguments(id, ["--detach", "--null-io"], "sleep", "1000"))).Exited(0);

        var exec = await Host.CtrAsync(
            "task", "exec", "--exec-id", "x", id, "sh", "-c", "echo through the channel; exit 6");
        var state = (await Host.InsideAsync("grep", "-r", "-l", "-i", name, $"/run/vc/sbs/{id}")).Stdout;

        await Host.CtrAsync("task", "delete", "--force", id);
        (await Host.CtrAsync("containers", "delete", id)).Exited(0);
        exec.ExitCode.Should().Be(6, exec.Stderr);
        exec.Stdout.Should().Be("through the channel\n");
        Host.Log()[logged..].Should().ContainEquivalentOf(name);
        state.Should().NotBeEmpty("the state directory says which channel was chosen and why");
    }

    private static async Task<string> DaemonAsync() =>
        Path.Combine(await Peers.UnpackAsync("sid"), "vhost-device-vsock");
}
