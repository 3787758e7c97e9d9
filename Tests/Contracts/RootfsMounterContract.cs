using FluentAssertions;
using Kata.Adapters.Guest.Cleanup;
using Kata.Adapters.Guest.Rootfs;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IRootfsMounter"/> keeps to.</summary>
public abstract class RootfsMounterContract
{
    protected static readonly ContainerId Box = ContainerId.Parse("box");

    protected HypervisorLedger Ledger { get; } = new();

    protected abstract IRootfsMounter Mounter { get; }

    protected abstract IResourceReleaser Releaser { get; }

    /// <summary>A directory to work in.</summary>
    protected abstract string Folder { get; }

    protected HostPath Target => HostPath.Parse($"{Folder}/mounts/box/rootfs", "target");

    /// <summary>A directory that is there, or one that is not.</summary>
    protected abstract HostPath Source(bool exists);

    [Fact]
    public async Task Mount_when_the_list_is_empty_binds_the_bundles_root_and_is_written_down_under_the_container()
    {
        await Mounter.MountAsync(Box, Root(), Target, Ledger, default);

        Ledger.Read().Held.Should().Contain(held => held.Kind == ResourceKind.Mount && held.Name == Target.Value);
        Ledger.Read().Held.Should().OnlyContain(held => held.Owner == Box);
        await ReleaseAsync();
    }

    [Fact]
    public async Task Mount_when_a_bind_is_listed_performs_it()
    {
        await Mounter.MountAsync(
            Box, Root(new MountSpec("bind", Source(exists: true).Value, "", ["rbind", "ro"])) with { ReadOnly = true },
            Target, Ledger, default);

        Ledger.Read().IsEmpty.Should().BeFalse();
        await ReleaseAsync();
    }

    [Fact]
    public async Task Mount_when_it_fails_is_undone_and_struck_out()
    {
        var failure = await Mounter.Invoking(m => m.MountAsync(
            Box, Root(new MountSpec("bind", Source(exists: false).Value, "", ["rbind"])), Target, Ledger, default))
            .Should().ThrowAsync<KataException>();

        failure.Which.Message.Should().Contain("box");
        Ledger.Read().IsEmpty.Should().BeTrue();
    }

    [Fact]
    public async Task Mount_when_the_ledger_is_full_takes_nothing()
    {
        Ledger.IsFull = true;

        (await Mounter.Invoking(m => m.MountAsync(Box, Root(), Target, Ledger, default))
            .Should().ThrowAsync<KataException>()).Which.Kind.Should().Be(ErrorKind.ResourceExhausted);

        Ledger.History.Should().BeEmpty();
    }

    protected ContainerRoot Root(params MountSpec[] mounts) => new() { Mounts = mounts, Source = Source(exists: true) };

    protected async Task ReleaseAsync()
    {
        foreach (var resource in Ledger.Read().ReleaseOrder(Box))
        {
            await Releaser.ReleaseAsync(resource, default);
            Ledger.Forget(resource);
        }

        Ledger.Read().IsEmpty.Should().BeTrue();
    }
}

/// <summary>The mounter of the harness.</summary>
public sealed class RootfsMounterHarnessTests : RootfsMounterContract
{
    private readonly HarnessHost _host = new();

    public RootfsMounterHarnessTests() => Mounter = new HarnessRootfs(_host) { Missing = { "/missing" } };

    protected override IRootfsMounter Mounter { get; }

    protected override IResourceReleaser Releaser => new HarnessReleaser(_host);

    protected override string Folder => "/folder";

    protected override HostPath Source(bool exists) => HostPath.Parse(exists ? "/there" : "/missing", "source");
}

/// <summary>Real mounts. Needs root.</summary>
[Trait("category", "real")]
public sealed class RootfsMounterRealTests : RootfsMounterContract, IDisposable
{
    protected override IRootfsMounter Mounter { get; } = new RootfsMounter();

    protected override IResourceReleaser Releaser { get; } = new ResourceReleaser();

    protected override string Folder { get; } = Directory.CreateTempSubdirectory("rootfs").FullName;

    private HostPath Image => Source(exists: true);

    public void Dispose()
    {
        Mounts.UnmountTree(Folder);
        Directory.Delete(Folder, recursive: true);
    }

    // The image of a pause container is one file, and CRI-O has mounted it, read-only to the container, before it asks.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Mount_when_the_root_is_read_only_makes_the_missing_mount_points_and_then_nobody_writes(
        bool isListed)
    {
        await File.WriteAllTextAsync($"{Image}/pause", "");
        var root = (isListed ? Root(new MountSpec("bind", Image.Value, "", ["rbind", "rw"])) : Root()) with
        {
            ReadOnly = true,
            MountPoints = [Point("/proc"), Point("/etc/resolv.conf", isDirectory: false), Point("/a/b/c")],
        };

        await Mounter.MountAsync(Box, root, Target, Ledger, default);

        Directory.Exists($"{Target}/proc").Should().BeTrue();
        File.Exists($"{Target}/etc/resolv.conf").Should().BeTrue();
        Directory.Exists($"{Target}/a/b/c").Should().BeTrue();
        this.Invoking(_ => File.WriteAllText($"{Target}/new", "")).Should().Throw<IOException>();
        await ReleaseAsync();
        Directory.GetFileSystemEntries($"{Folder}/private").Should().BeEmpty();
    }

    [Fact]
    public async Task Mount_when_others_use_the_root_too_finds_what_they_made_and_each_has_it_read_only()
    {
        var root = Root() with { ReadOnly = true, MountPoints = [Point("/proc")] };
        var other = HostPath.Parse($"{Folder}/mounts/other/rootfs", "target");

        await Mounter.MountAsync(Box, root, Target, Ledger, default);
        await Mounter.MountAsync(Box, root, other, Ledger, default);

        foreach (var target in (HostPath[])[Target, other])
            this.Invoking(_ => File.WriteAllText($"{target}/proc/new", "")).Should().Throw<IOException>();
        await File.WriteAllTextAsync($"{Image}/of-the-host", "");
        File.Exists($"{other}/of-the-host").Should().BeTrue();
        await ReleaseAsync();
    }

    [Theory]
    [InlineData("/var/run/secret", "var/run", "/run", "run/secret")]
    [InlineData("/var/run/secret", "var/run", "../run", "run/secret")]
    [InlineData("/etc/resolv.conf/x", "etc/resolv.conf", "../run/systemd/stub", "run/systemd/stub/x")]
    [InlineData("/out/x", "out", "../../../outside", "outside/x")]
    [InlineData("/out/x", "out", "/outside/../../other", "other/x")]
    public async Task Mount_point_behind_a_link_of_the_image_is_made_in_the_root_wherever_it_points(
        string point, string link, string text, string made)
    {
        Directory.CreateDirectory($"{Folder}/outside");
        Directory.CreateDirectory(Path.GetDirectoryName($"{Image}/{link}")!);
        File.CreateSymbolicLink($"{Image}/{link}", text);

        await Mounter.MountAsync(
            Box, Root() with { ReadOnly = true, MountPoints = [Point(point)] }, Target, Ledger, default);

        Directory.Exists($"{Image}/{made}").Should().BeTrue();
        Directory.GetFileSystemEntries($"{Folder}/outside").Should().BeEmpty();
        await ReleaseAsync();
    }

    [Fact]
    public async Task Mount_point_that_cannot_be_is_left_to_the_guests_runtime()
    {
        await File.WriteAllTextAsync($"{Image}/file", "of the image");
        File.CreateSymbolicLink($"{Image}/loop", "loop");
        MountPoint[] points =
            [Point("/file/x"), Point("/loop/x"), Point($"/{new string('n', 256)}"),
                Point(string.Concat(Enumerable.Repeat("/d", 1000))), Point("/file", isDirectory: false),
                Point("/last")];

        await Mounter.MountAsync(Box, Root() with { ReadOnly = true, MountPoints = points }, Target, Ledger, default);

        (await File.ReadAllTextAsync($"{Target}/file")).Should().Be("of the image");
        Directory.Exists($"{Target}/last").Should().BeTrue();
        await ReleaseAsync();
    }

    [Fact]
    public async Task Mount_when_the_root_is_read_only_to_the_host_as_well_makes_nothing_and_succeeds()
    {
        Mounts.Bind(Image.Value, Image.Value, readOnly: true);

        await Mounter.MountAsync(
            Box, Root() with { ReadOnly = true, MountPoints = [Point("/proc")] }, Target, Ledger, default);

        Directory.GetFileSystemEntries(Target.Value).Should().BeEmpty();
        await ReleaseAsync();
    }

    [Fact]
    public async Task Mount_when_the_manager_binds_it_read_only_itself_makes_nothing_in_what_is_its_own()
    {
        var root = Root(new MountSpec("bind", Image.Value, "", ["rbind", "ro"])) with
        {
            ReadOnly = true,
            MountPoints = [Point("/proc")]
        };

        await Mounter.MountAsync(Box, root, Target, Ledger, default);

        Directory.GetFileSystemEntries(Image.Value).Should().BeEmpty();
        await ReleaseAsync();
    }

    [Theory]
    [InlineData("/in/side", true)]
    [InlineData("in/side/", false)]
    public async Task Mount_inside_of_the_root_is_performed_there(string place, bool binds)
    {
        Directory.CreateDirectory($"{Image}/in/side");
        var volume = Directory.CreateDirectory($"{Folder}/volume").FullName;
        await File.WriteAllTextAsync($"{volume}/word", "");
        var inside = binds
            ? new MountSpec("bind", volume, place, ["rbind", "ro"])
            : new MountSpec("tmpfs", "tmpfs", place, ["size=65536"]);

        await Mounter.MountAsync(
            Box, Root(new MountSpec("bind", Image.Value, "", ["rbind"]), inside), Target, Ledger, default);

        File.Exists($"{Target}/in/side/word").Should().Be(binds);
        Mounts.IsMountPoint($"{Target}/in/side").Should().BeTrue();
        if (binds)
            this.Invoking(_ => File.WriteAllText($"{Target}/in/side/new", "")).Should().Throw<IOException>();
        await ReleaseAsync();
        Directory.GetFileSystemEntries($"{Image}/in/side").Should().BeEmpty();
        Directory.GetFileSystemEntries($"{Folder}/private").Should().BeEmpty();
    }

    [Theory]
    [InlineData("/link")]
    [InlineData("/link/deeper")]
    [InlineData("../outside")]
    public async Task Mount_inside_of_the_root_by_a_link_of_the_image_is_refused_and_the_host_stays_as_it_was(
        string place)
    {
        Directory.CreateDirectory($"{Folder}/outside/deeper");
        File.CreateSymbolicLink($"{Image}/link", $"{Folder}/outside");

        await Mounter.Invoking(m => m.MountAsync(
            Box, Root(new MountSpec("bind", Image.Value, "", ["rbind"]), new MountSpec("tmpfs", "tmpfs", place, [])),
            Target, Ledger, default))
            .Should().ThrowAsync<KataException>();

        MountInfo.Read().Should().NotContain(mount => mount.MountPoint.StartsWith(Folder, StringComparison.Ordinal));
        Ledger.Read().IsEmpty.Should().BeTrue();
    }

    private static MountPoint Point(string path, bool isDirectory = true) => MountPoint.TryParse(path, isDirectory)!;

    protected override HostPath Source(bool exists)
    {
        var path = $"{Folder}/{(exists ? "there" : "missing")}";
        if (exists)
            Directory.CreateDirectory(path);
        return HostPath.Parse(path, "source");
    }
}
