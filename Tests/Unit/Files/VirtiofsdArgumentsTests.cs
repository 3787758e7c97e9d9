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
    public void For_when_rust_is_this() => Print(VirtiofsdFlavour.Rust, "never", "--thread-pool-size=1", "--xattr").Should().Equal(
        "--fd=3", "--shared-dir=/share/pod1/shared", "--cache=never", "--sandbox=namespace", "--seccomp=kill", "--thread-pool-size=1", "--xattr");

    [Fact]
    public void For_when_qemus_is_translated() =>
        Print(VirtiofsdFlavour.Qemu, "never", "--thread-pool-size=1", "--announce-submounts", "--xattr", "--modcaps=+sys_admin", "--log-level", "debug", "-o", "no_flock")
            .Should().Equal(
                "--fd=3", "-o", "source=/share/pod1/shared", "-o", "cache=none", "-o", "sandbox=namespace",
                "--thread-pool-size=1", "-o", "announce_submounts", "-o", "xattr", "-o", "modcaps=+sys_admin", "-o", "log_level=debug", "-o", "no_flock");

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
            FluentActions.Invoking(() => Print(flavour, "auto", extra)).Should().Throw<KataException>().Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public void For_when_sandbox_is_chosen_takes_it_once()
    {
        Print(VirtiofsdFlavour.Rust, "auto", "--sandbox=chroot").Should().ContainSingle(a => a.Contains("sandbox")).Which.Should().Be("--sandbox=chroot");
        Print(VirtiofsdFlavour.Qemu, "auto", "--sandbox=chroot").Should().ContainSingle(a => a.Contains("sandbox")).Which.Should().Be("sandbox=chroot");
    }

    [Theory]
    [InlineData("virtiofsd version 7.2.22 (Debian 1:7.2)\nusing FUSE kernel interface version 7.36\n", true)]
    [InlineData("virtiofsd 1.13.0\n", false)]
    [InlineData("virtiofsd backend 1.5.0\n", false)]
    public void Tell_when_it_names_itself_knows_which(string answer, bool isQemus) =>
        VirtiofsdProgram.Tell(answer).Should().Be(isQemus ? VirtiofsdFlavour.Qemu : VirtiofsdFlavour.Rust);

    private static IReadOnlyList<string> Print(VirtiofsdFlavour flavour, string cache, params string[] extra) =>
        VirtiofsdArguments.For(flavour, Exported, 3, new HypervisorSettings
        {
            Name = "qemu",
            Path = "/vmm",
            Kernel = "/kernel",
            VirtioFsCache = cache,
            VirtioFsExtraArguments = extra,
        });
}
