using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>Whatever is wrong, ctr is told once and clearly, in bounded time, and the host is as before.</summary>
[Trait("peers", "no")]
public sealed class BadInputTests(PrivateContainerd host) : EndToEndTest(host)
{
    private const string Qemu = "hypervisor.qemu";

    // Files and settings are looked at before anything is started.
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(10);

    // The dial_timeout that the slow cases set, and what may be added to it by noticing, killing and releasing.
    private static readonly TimeSpan Dialled = TimeSpan.FromSeconds(8 + 12);

    [MachineTheory]
    [InlineData("kernel")]
    [InlineData("initrd")]
    [InlineData("path")]
    [InlineData("virtio_fs_daemon")]
    public async Task Run_when_a_file_of_the_configuration_is_missing_names_it(string key)
    {
        var missing = $"/no/such/{key}";
        using var _ = Host.Configuration.With((Qemu, key, KataConfiguration.Text(missing)));

        await RefusedAsync(AtOnce, missing);
    }

    [MachineFact]
    public async Task Run_when_the_image_is_missing_names_it()
    {
        using var _ = Host.Configuration.With(
            (Qemu, "initrd", KataConfiguration.Text("")), (Qemu, "image", KataConfiguration.Text("/no/such/image")));

        await RefusedAsync(AtOnce, "/no/such/image");
    }

    [MachineFact]
    public async Task Run_when_a_key_is_unknown_names_it_and_the_nearest_one()
    {
        using var _ = Host.Configuration.With((Qemu, "default_memroy", "512"));

        await RefusedAsync(AtOnce, "default_memroy", "default_memory");
    }

    [MachineFact]
    public async Task Run_when_the_configuration_is_not_toml_says_so()
    {
        using var _ = Host.Configuration.With((Qemu, "path", "\"unclosed"));

        await RefusedAsync(AtOnce, "configuration.toml");
    }

    [MachineFact]
    public async Task Run_when_the_kernel_is_not_a_kernel_says_what_qemu_said()
    {
        var kernel = Path.Combine(Host.Directory, "not-a-kernel");
        await File.WriteAllTextAsync(kernel, "not a kernel");
        using var _ = Host.Configuration.With(
            (Qemu, "kernel", KataConfiguration.Text(kernel)), ("agent.kata", "dial_timeout", "8"));

        await RefusedAsync(Dialled);
    }

    [MachineFact]
    public async Task Run_when_the_machine_exits_at_once_gives_its_status_and_last_words()
    {
        using var _ = StandIn("echo sorry, no machine today >&2; exit 3");

        await RefusedAsync(AtOnce, "sorry, no machine today");
    }

    [MachineFact]
    public async Task Run_when_the_machine_never_opens_its_monitor_ends_in_time()
    {
        using var _ = StandIn("exec sleep 1000");

        await RefusedAsync(Dialled);
    }

    [MachineFact]
    public async Task Run_when_the_machine_ignores_being_asked_to_end_ends_in_time()
    {
        using var _ = StandIn("trap '' TERM INT HUP; while :; do sleep 1; done");

        await RefusedAsync(Dialled);
    }

    [MachineFact]
    public async Task Run_when_the_machine_is_stopped_before_the_guest_boots_ends_in_time()
    {
        // -S: QEMU serves its monitor, and the guest never runs an instruction.
        using var _ = StandIn("exec /usr/bin/qemu-system-x86_64 \"$@\" -S");

        await RefusedAsync(Dialled);
    }

    [MachineFact]
    public async Task Run_when_the_guest_panics_shows_its_last_words()
    {
        using var meant = Host.MayPanic();
        using var _ = Host.Configuration.With(
            (Qemu, "kernel_params", KataConfiguration.Text("rdinit=/no/such/init init=/no/such/init root=/dev/none")),
            ("agent.kata", "dial_timeout", "20"));

        await RefusedAsync(TimeSpan.FromSeconds(32), "panic");
    }

    [MachineFact]
    public async Task Run_when_the_agent_never_answers_ends_in_time()
    {
        var initrd = Path.Combine(Host.Directory, "silent.img");
        await SilentInitrdAsync(initrd);
        using var _ = Host.Configuration.With(
            (Qemu, "initrd", KataConfiguration.Text(initrd)), ("agent.kata", "dial_timeout", "8"));

        await RefusedAsync(Dialled, "nobody answers here");
    }

    [MachineFact]
    public async Task Run_when_the_file_daemon_exits_at_once_gives_its_last_words()
    {
        var daemon = await ScriptAsync("virtiofsd", "echo no files today >&2; exit 4");
        using var _ = Host.Configuration.With((Qemu, "virtio_fs_daemon", KataConfiguration.Text(daemon)));

        await RefusedAsync(AtOnce, "no files today");
    }

    [MachineFact]
    public async Task Run_when_the_file_daemon_never_listens_ends_in_time()
    {
        var daemon = await ScriptAsync("virtiofsd", "exec sleep 1000");
        using var _ = Host.Configuration.With(
            (Qemu, "virtio_fs_daemon", KataConfiguration.Text(daemon)), ("agent.kata", "dial_timeout", "8"));

        await RefusedAsync(Dialled);
    }

    [MachineTheory]
    [InlineData("corrupt", "printf '{\"ociVersion\": \"1.0' > config.json")]
    [InlineData("missing", "rm config.json")]
    [InlineData("empty", ": > config.json")]
    [InlineData("other", "echo '[1, 2]' > config.json")]
    public async Task Run_when_the_bundles_spec_is_broken_says_so(string name, string damage)
    {
        var runtime = await BrokenShim.MakeAsync(Host, name, damage);

        await RefusedAsync(AtOnce, runtime, [], "config.json");
    }

    [Fact]
    public async Task Run_when_the_spec_has_no_command_is_refused()
    {
        var spec = await SpecAsync("""{"terminal":false,"user":{"uid":0,"gid":0},"args":[],"cwd":"/"}""");

        await RefusedAsync(TestSettings.StartLimit, TestSettings.Runtime, ["--config", spec]);
    }

    [MachineFact]
    public async Task Run_when_a_mount_leads_out_of_the_container_reaches_nothing_of_the_host()
    {
        var mark = Path.Combine(Host.Directory, "escaped");
        var source = Path.Combine(Host.Directory, "source");
        Directory.CreateDirectory(source);

        await Host.CtrAsync(PrivateContainerd.RunArguments(
            Host.NewId("escape"),
            ["--rm", "--mount", $"type=bind,src={source},dst=/../../../../../../..{mark},options=rbind:rw"], "true"));

        Directory.Exists(mark).Should().BeFalse();
        Directory.EnumerateFileSystemEntries(source).Should().BeEmpty();
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("a/../../x")]
    [InlineData("..")]
    public async Task Run_when_the_id_is_a_path_is_refused(string id)
    {
        var result = await Host.RunAsync(id, "true");

        result.ExitCode.Should().NotBe(0);
        result.Stderr.Should().Contain("identifier");
    }

    [MachineTheory]
    [InlineData("../x")]
    [InlineData("a/../../x")]
    [InlineData("")]
    public async Task Start_when_called_directly_with_a_path_for_an_id_is_refused(string id)
    {
        var bundle = Path.Combine(Host.Directory, "bundle");
        Directory.CreateDirectory(bundle);
        var name = $"containerd-shim-{TestSettings.Runtime.Split('.')[^2]}-{TestSettings.Runtime.Split('.')[^1]}";

        var result = await Host.InsideAsync("sh", "-c",
            $"cd {bundle} && exec {name} -namespace {Host.Namespace} -address {Host.Socket} -publish-binary containerd -id '{id}' start < /dev/null");

        result.ExitCode.Should().NotBe(0);
        result.Stderr.Should().NotBeEmpty();
        result.Stdout.Should().BeEmpty();
    }

    [MachineFact]
    public async Task Run_when_the_disk_for_the_state_is_full_says_so()
    {
        await Host.InsideAsync("mkdir", "-p", "/run/vc");
        (await Host.InsideAsync("busybox", "mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", "/run/vc")).Exited(0);
        try
        {
            await Host.InsideAsync("sh", "-c", "cat /dev/zero > /run/vc/fill");

            await RefusedAsync(AtOnce, "space");

            await Host.InsideAsync("rm", "/run/vc/fill");
        }
        finally
        {
            await Host.InsideAsync("busybox", "umount", "-l", "/run/vc");
        }
    }

    private Task<CommandResult> RefusedAsync(TimeSpan limit, params string[] words) =>
        RefusedAsync(limit, TestSettings.Runtime, [], words);

    private async Task<CommandResult> RefusedAsync(
        TimeSpan limit, string runtime, string[] options, params string[] words)
    {
        var id = Host.NewId("bad");
        string[] line = options.Contains("--config")
            ? ["run", "--rm", "--runtime", runtime, .. options, id]
            : ["run", "--rm", "--runtime", runtime, .. options, BusyboxImage.Name, id, "true"];

        var result = await Host.CtrAsync(limit + TimeSpan.FromMinutes(1), default, line);

        result.ExitCode.Should().NotBe(0);
        result.Took.Should().BeLessThan(limit, result.Stderr);
        result.Stdout.Should().BeEmpty();
        // One error: what ctr prints is its own line with ours in it, once.
        result.Stderr.Split('\n').Count(l => l.StartsWith("ctr: ", StringComparison.Ordinal))
            .Should().Be(1, result.Stderr);
        foreach (var word in words)
            result.Stderr.Should().ContainEquivalentOf(word);
        return result;
    }

    private IDisposable StandIn(string script)
    {
        var path = ScriptAsync("qemu", script).GetAwaiter().GetResult();
        return Host.Configuration.With(
            (Qemu, "path", KataConfiguration.Text(path)), ("agent.kata", "dial_timeout", "8"));
    }

    private async Task<string> ScriptAsync(string name, string script)
    {
        var path = Path.Combine(Host.Directory, $"{name}-{Guid.NewGuid():N}");
        await File.WriteAllTextAsync(path, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
        return path;
    }

    // An initrd of busybox alone, whose first process says so and waits for ever.
    private static async Task SilentInitrdAsync(string path)
    {
        const string make =
            """
            set -e; d=$(mktemp -d); mkdir -p $d/bin $d/dev; cp "$(command -v busybox)" $d/bin/busybox
            mknod $d/dev/console c 5 1
            printf '#!/bin/busybox sh\necho nobody answers here\nwhile :; do /bin/busybox sleep 100; done\n' > $d/init; chmod 755 $d/init
            (cd $d; find . | busybox cpio -o -H newc 2>/dev/null) > "$0"; rm -rf $d
            """;
        (await Command.RunAsync("sh", ["-c", make, path])).Exited(0);
    }

    private async Task<string> SpecAsync(string process)
    {
        var root = Path.Combine(Host.Directory, "spec-root");
        Directory.CreateDirectory(root);
        var path = Path.Combine(Host.Directory, $"spec-{Guid.NewGuid():N}.json");
        await File.WriteAllTextAsync(path,
            $$$"""
            {"ociVersion":"1.0.2","process":{{{process}}},"root":{"path":"{{{root}}}"},"linux":{"namespaces":[{"type":"pid"},{"type":"mount"}]}}
            """);
        return path;
    }
}
