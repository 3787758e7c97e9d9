using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary><c>ctr run</c> of containers that end by themselves.</summary>
public sealed class RunTests(PrivateContainerd host) : EndToEndTest(host)
{
    [Fact]
    public async Task Run_when_the_command_prints_and_fails_gives_both_streams_and_the_exit_code()
    {
        var result = await Host.RunAsync(Host.NewId("run"), "sh", "-c", "echo to stdout; echo to stderr >&2; exit 7");

        result.ExitCode.Should().Be(7, result.Stderr);
        result.Stdout.Should().Be("to stdout\n");
        // ctr prints the exit status as its own last word on some versions: the container's line comes first.
        result.Stderr.Should().StartWith("to stderr\n");
    }

    [Fact]
    public async Task Run_when_it_has_no_input_lets_the_command_see_its_end_at_once()
    {
        var result = await Host.CtrAsync(
            PrivateContainerd.RunArguments(Host.NewId("noinput"), ["--rm", "--null-io"], "sh", "-c", "cat; exit 5"));

        result.ExitCode.Should().Be(5, result.Stderr);
    }

    [Theory]
    [InlineData("b")]
    [InlineData("a.b-c_d")]
    [Trait("peers", "no")]
    public async Task Run_when_the_id_is_one_that_containerd_takes_runs(string id) =>
        (await Host.RunAsync(id, "echo", "runs")).Exited(0).Stdout.Should().Be("runs\n");

    [Fact]
    [Trait("peers", "no")]
    public async Task Run_when_the_users_mask_is_given_it_holds_for_the_command()
    {
        // ctr has no word for it.
        var runtime = await BrokenShim.MakeAsync(Host, "umask", "sed -i 's/\"user\":{/&\"umask\":23,/' config.json");

        var result = await Host.CtrAsync(
            "run", "--runtime", runtime, "--rm", BusyboxImage.Name, Host.NewId("umask"), "sh", "-c",
            "umask; touch /tmp/f; stat -c %a /tmp/f");

        result.Exited(0).Stdout.Should().Be("0027\n640\n");
    }

    [MachineFact]
    [Trait("peers", "no")]
    public async Task Run_when_asked_for_uname_answers_with_the_guests_kernel()
    {
        var host = (await File.ReadAllTextAsync("/proc/version")).Trim();
        var boot = (await File.ReadAllTextAsync("/proc/sys/kernel/random/boot_id")).Trim();

        var result = await Host.RunAsync(
            Host.NewId("uname"), "cat", "/proc/version", "/proc/sys/kernel/random/boot_id");

        result.Exited(0).Stdout.Should().NotContain(host).And.NotContain(boot).And.Contain("Linux version");
    }

    [MachineTheory]
    [InlineData("false", "root=/dev/pmem0p1")]
    [InlineData("true", "root=/dev/vda1")]
    [Trait("peers", "no")]
    public async Task Run_when_the_guest_is_an_image_starts_from_it(string asDisk, string root)
    {
        using var _ = Host.Configuration.With(
            ("hypervisor.qemu", "initrd", KataConfiguration.Text("")),
            ("hypervisor.qemu", "image",
                KataConfiguration.Text(Path.Combine(TestSettings.GuestDirectory, "rootfs.img"))),
            ("hypervisor.qemu", "disable_image_nvdimm", asDisk));

        var result = await Host.RunAsync(Host.NewId("image"), "cat", "/proc/cmdline");

        result.Exited(0).Stdout.Should().Contain(root);
    }

    [Fact]
    public async Task Run_when_the_command_does_not_exist_says_so_and_leaves_nothing()
    {
        var id = Host.NewId("nothing");

        var result = await Host.RunAsync(id, "/no/such/program");

        result.ExitCode.Should().NotBe(0);
        result.Stderr.Should().Contain("/no/such/program");
    }

    [Fact]
    [Trait("peers", "no")]
    public async Task Run_when_the_command_may_not_be_executed_names_it()
    {
        var file = Path.Combine(Host.Directory, "no-program");
        await File.WriteAllTextAsync(file, "");

        var result = await Host.CtrAsync(PrivateContainerd.RunArguments(
            Host.NewId("denied"), ["--rm", "--mount", $"type=bind,src={file},dst=/tmp/no-program,options=rbind:ro"],
            "/tmp/no-program"));

        result.ExitCode.Should().NotBe(0);
        result.Stderr.Should().Contain("/tmp/no-program").And.Contain("ermission denied");
    }

    [Fact]
    [Trait("peers", "no")]
    public async Task Run_when_the_spec_names_environment_and_directory_gives_them_to_the_command()
    {
        var result = await Host.CtrAsync(PrivateContainerd.RunArguments(
            Host.NewId("env"), ["--rm", "--env", "GREETING=good day", "--cwd", "/tmp", "--read-only"],
            "sh", "-c", "echo $GREETING; pwd; touch /x || echo read-only"));

        result.Exited(0).Stdout.Should().Be("good day\n/tmp\nread-only\n");
    }
}
