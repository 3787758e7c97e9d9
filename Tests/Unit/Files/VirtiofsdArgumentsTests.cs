using FluentAssertions;
using Kata.Adapters.Guest.Files;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Unit.Files;

public sealed class VirtiofsdArgumentsTests
{
    private static readonly HostPath Exported = HostPath.Parse("/share/pod1/shared", "share");

    [Fact]
    public void For_when_rust_is_this() => Print(VirtiofsdFlavour.Rust, "never", "--thread-pool-size=1").Should().Equal(
        "--fd=3", "--shared-dir=/share/pod1/shared", "--cache=never", "--sandbox=namespace", "--seccomp=kill",
        "--announce-submounts", "--xattr", "--thread-pool-size=1");

    [Theory]
    [InlineData("1.13.2", "", "--inode-file-handles=prefer")]
    [InlineData("1.13.2", "--inode-file-handles=never", "--inode-file-handles=never")]
    [InlineData("1.6.1", "", null)]
    [InlineData(null, "", null)]
    public void For_when_the_daemon_finds_files_by_handles_lets_it_unless_something_is_said(
        string? version, string extra, string? expected)
    {
        var arguments = VirtiofsdArguments.For(
            VirtiofsdFlavour.Rust, version is null ? null : Version.Parse(version), Exported, 3,
            Settings("auto", extra.Split(' ', StringSplitOptions.RemoveEmptyEntries)));

        arguments.Where(a => a.StartsWith("--inode-file-handles", StringComparison.Ordinal))
            .Should().Equal(expected is null ? [] : [expected]);
    }

    [Fact]
    public void For_when_qemus_is_translated() =>
        Print(
            VirtiofsdFlavour.Qemu, "never", "--thread-pool-size=1", "--modcaps=+sys_admin", "--log-level", "debug",
            "-o", "no_flock").Should().Equal(
            "--fd=3", "-o", "source=/share/pod1/shared", "-o", "cache=none", "-o", "sandbox=namespace",
            "-o", "announce_submounts", "-o", "xattr", "-o", "no_posix_acl",
            "--thread-pool-size=1", "-o", "modcaps=+sys_admin", "-o", "log_level=debug", "-o", "no_flock");

    [Theory]
    [InlineData("--announce-submounts", "announce_submounts")]
    [InlineData("--xattr", "xattr")]
    [InlineData("--posix-acl", "posix_acl")]
    public void For_when_an_option_is_asked_for_says_it_once(string option, string translated)
    {
        Print(VirtiofsdFlavour.Rust, "auto", option).Should().ContainSingle(a => a == option);
        Print(VirtiofsdFlavour.Qemu, "auto", option).Should().ContainSingle(a => a == translated);
        Print(VirtiofsdFlavour.Qemu, "auto", "-o", translated).Should().ContainSingle(a => a == translated);
    }

    [Theory]
    [InlineData("--no-announce-submounts", "--no-announce-submounts --xattr", "-o xattr -o no_posix_acl")]
    [InlineData("--posix-acl", "--announce-submounts --xattr --posix-acl",
        "-o announce_submounts -o xattr -o posix_acl")]
    [InlineData("--no-posix-acl", "--announce-submounts --xattr", "-o announce_submounts -o xattr -o no_posix_acl")]
    [InlineData("--no-xattr", "--announce-submounts", "-o announce_submounts -o no_posix_acl -o no_xattr")]
    [InlineData("-o no_xattr", "--announce-submounts -o no_xattr", "-o announce_submounts -o no_posix_acl -o no_xattr")]
    [InlineData("-o no_posix_acl,no_flock", "--announce-submounts --xattr -o no_posix_acl,no_flock",
        "-o announce_submounts -o xattr -o no_posix_acl,no_flock")]
    public void For_when_a_default_is_unwanted_leaves_it_out(string extra, string rust, string qemus)
    {
        Chosen(VirtiofsdFlavour.Rust, extra).Should().BeEquivalentTo(rust.Split(' '));
        Chosen(VirtiofsdFlavour.Qemu, extra).Should().BeEquivalentTo(qemus.Split(' '));
    }

    [Theory]
    [InlineData("", 64)]
    [InlineData("--thread-pool-size=0", 0)]
    [InlineData("--thread-pool-size 1", 1)]
    public void For_lets_one_request_wait_without_the_others_unless_something_is_said(string extra, int expected)
    {
        Print(VirtiofsdFlavour.Rust, "auto", extra.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(a => a.StartsWith("--thread-pool-size", StringComparison.Ordinal))
                .Should().Equal($"--thread-pool-size={expected}");
        Print(VirtiofsdFlavour.Qemu, "auto")
            .Should().NotContain(a => a.StartsWith("--thread-pool-size", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("auto", "auto")]
    [InlineData("always", "always")]
    [InlineData("metadata", "none")]
    [InlineData("", "auto")]
    public void For_when_qemus_maps_the_cache(string setting, string expected) =>
        Print(VirtiofsdFlavour.Qemu, setting).Should().Contain($"cache={expected}");

    [Fact]
    public void For_when_cache_is_unknown_names_the_known() =>
        FluentActions.Invoking(() => Print(VirtiofsdFlavour.Rust, "none")).Should().Throw<KataException>()
            .WithMessage("virtio_fs_cache is \"none\"*auto, always, metadata, never");

    [Theory]
    [InlineData("--sandbox=none")]
    [InlineData("--sandbox", "none")]
    [InlineData("-o", "xattr,sandbox=none")]
    [InlineData("--seccomp=none")]
    [InlineData("--shared-dir=/")]
    [InlineData("--socket-path", "/tmp/s")]
    [InlineData("-o", "source=/")]
    public void For_when_protection_or_place_would_change_is_refused(params string[] extra)
    {
        foreach (var flavour in Enum.GetValues<VirtiofsdFlavour>())
            FluentActions.Invoking(() => Print(flavour, "auto", extra)).Should().Throw<KataException>()
                .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public void For_when_sandbox_is_chosen_takes_it_once()
    {
        Print(VirtiofsdFlavour.Rust, "auto", "--sandbox=chroot").Should().ContainSingle(a => a.Contains("sandbox"))
            .Which.Should().Be("--sandbox=chroot");
        Print(VirtiofsdFlavour.Qemu, "auto", "--sandbox=chroot").Should().ContainSingle(a => a.Contains("sandbox"))
            .Which.Should().Be("sandbox=chroot");
    }

    [Theory]
    [InlineData("virtiofsd version 7.2.22 (Debian 1:7.2)\nusing FUSE kernel interface version 7.36\n", true)]
    [InlineData("virtiofsd 1.13.0\n", false)]
    [InlineData("virtiofsd backend 1.5.0\n", false)]
    public void Tell_when_it_names_itself_knows_which(string answer, bool isQemus) =>
        VirtiofsdProgram.Tell(answer).Should().Be(isQemus ? VirtiofsdFlavour.Qemu : VirtiofsdFlavour.Rust);

    [Theory]
    [InlineData("virtiofsd version 7.2.22 (Debian 1:7.2)\nusing FUSE kernel interface version 7.36\n", "7.2.22")]
    [InlineData("virtiofsd 1.13.2\n", "1.13.2")]
    [InlineData("virtiofsd backend 1.5.0\n", "1.5.0")]
    [InlineData("virtiofsd 1.14.0-dev\n", "1.14.0")]
    [InlineData("something else\n", null)]
    public void VersionOf_when_it_names_itself_reads_it(string answer, string? version) =>
        VirtiofsdProgram.VersionOf(answer)?.ToString().Should().Be(version);

    [Theory]
    [InlineData(VirtiofsdFlavour.Qemu, null, true)]
    [InlineData(VirtiofsdFlavour.Qemu, "7.2.22", true)]
    [InlineData(VirtiofsdFlavour.Rust, "1.6.1", true)]
    [InlineData(VirtiofsdFlavour.Rust, "1.7.0", false)]
    [InlineData(VirtiofsdFlavour.Rust, "1.13.2", false)]
    [InlineData(VirtiofsdFlavour.Rust, null, false)]
    internal void Lacks_of_a_daemon_tell_of_supplementary_groups_where_it_knows_none(
        VirtiofsdFlavour flavour, string? version, bool lacks) =>
        VirtiofsdLacks.Of(flavour, version is null ? null : Version.Parse(version))
            .Any(lack => lack.Contains("fsGroup", StringComparison.Ordinal)).Should().Be(lacks);

    [Fact]
    public void Lacks_of_QEMUs_daemon_tell_that_one_request_waits_for_the_other()
    {
        VirtiofsdLacks.Of(VirtiofsdFlavour.Qemu, null)
            .Should().Contain(lack => lack.Contains("hangs", StringComparison.Ordinal));
        VirtiofsdLacks.Of(VirtiofsdFlavour.Rust, new Version(1, 13, 2)).Should().BeEmpty();
    }

    /// <summary>What follows the daemon's own protection.</summary>
    private static IEnumerable<string> Chosen(VirtiofsdFlavour flavour, string extra) =>
        Print(flavour, "auto", extra.Split(' '))
            .SkipWhile(a => a != (flavour == VirtiofsdFlavour.Rust ? "--seccomp=kill" : "sandbox=namespace")).Skip(1)
            .Where(a => !a.StartsWith("--thread-pool-size", StringComparison.Ordinal));

    private static IReadOnlyList<string> Print(VirtiofsdFlavour flavour, string cache, params string[] extra) =>
        VirtiofsdArguments.For(flavour, null, Exported, 3, Settings(cache, extra));

    private static HypervisorSettings Settings(string cache, IReadOnlyList<string> extra) => new()
    {
        Name = "qemu",
        Path = "/vmm",
        Kernel = "/kernel",
        VirtioFsCache = cache,
        VirtioFsExtraArguments = extra,
    };
}
