using System.Diagnostics;
using System.Runtime.CompilerServices;
using FluentAssertions;
using Kata.Adapters.Guest.Cleanup;
using Kata.Adapters.Guest.Files;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>virtio-fs with the virtiofsd that comes along. Needs root, for the mounts.</summary>
[Trait("category", "real")]
public sealed class SharedFilesystemRealTests : SharedFilesystemContract
{
    public SharedFilesystemRealTests() => QemuStandIn.UseLauncher();

    protected override ISharedFilesystem Filesystem =>
        new VirtioFs(TimeProvider.System) { ShareRoot = Path.Combine(Folder, "shares") };

    protected override HypervisorSettings Settings => base.Settings with { VirtioFsDaemon = Daemon };

    private string Shared => Path.Combine(Folder, "shares/pod1/shared");

    private static string Daemon =>
        Environment.GetEnvironmentVariable("KATA_TEST_FILE_DAEMON")
            ?? Path.GetFullPath(Path.Combine(Here(), "../../artifacts/virtiofsd/virtiofsd"));

    [Fact]
    public async Task Share_when_its_container_is_given_back_leaves_no_mount_point_and_what_was_shared_as_it_was()
    {
        await using var share = await StartAsync();
        await share.ShareAsync(Box, Source(), "box-1-folder", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
        await share.ShareAsync(
            Box, Source().Append("file"), "box-2-file", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);
        var empty = Path.Combine(Folder, "empty");
        await File.WriteAllTextAsync(empty, "");
        await share.ShareAsync(
            Box, HostPath.Parse(empty, "source"), "box-3-empty", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

        foreach (var resource in Ledger.Read().ReleaseOrder(Box))
            await new ResourceReleaser().ReleaseAsync(resource, Ct);

        Directory.EnumerateFileSystemEntries(Path.Combine(Folder, "shares/pod1/mounts")).Select(Path.GetFileName)
            .Should().Equal("watchable");
        File.Exists(Path.Combine(Folder, "source/file")).Should().BeTrue();
        File.Exists(empty).Should().BeTrue();
    }

    [Fact]
    public async Task Share_when_read_only_cannot_be_written_where_the_guest_sees_it()
    {
        await using var share = await StartAsync();

        await share.ShareAsync(Box, Source(), "ro", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);
        var other = Directory.CreateDirectory(Path.Combine(Folder, "other")).FullName;
        await share.ShareAsync(
            Box, HostPath.Parse(other, "other"), "rw", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

        Invoking(() => File.WriteAllText(Path.Combine(Shared, "ro/file"), "x")).Should().Throw<IOException>();
        Invoking(() => File.WriteAllText(Path.Combine(Shared, "beside"), "x")).Should().Throw<IOException>();
        File.WriteAllText(Path.Combine(Shared, "rw/file"), "written");
        File.ReadAllText(Path.Combine(other, "file")).Should().Be("written");
    }

    [Fact]
    public async Task Share_when_a_writer_comes_to_readers_can_be_written_until_it_goes()
    {
        await using var share = await StartAsync();
        await share.ShareAsync(Box, Source(), "vol", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);
        var file = Path.Combine(Shared, "vol/file");

        await share.ShareAsync(Other, Source(), "other", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
        File.WriteAllText(file, "written");
        await share.LeaveAsync(Other, Ct);

        Invoking(() => File.WriteAllText(file, "again")).Should().Throw<IOException>();
        File.ReadAllText(file).Should().Be("written");
    }

    /// <summary>The daemon takes one only when a machine has connected to it.</summary>
    [Fact]
    public async Task Share_when_a_writer_comes_and_goes_changes_the_mount_in_the_daemons_namespace_too()
    {
        var layout = ShareLayout.Create(HostPath.Parse(Path.Combine(Folder, "shares/pod1"), "share"), Ledger);
        string[] words = ["--mount", "--propagation", "slave", "sh", "-c", "echo ready; exec sleep 1000"];
        using var daemon = Process.Start(new ProcessStartInfo("unshare", words) { RedirectStandardOutput = true })!;
        try
        {
            (await daemon.StandardOutput.ReadLineAsync(Ct)).Should().Be("ready");
            var sources = new SharedSources(
                layout, new DaemonMounts(() => daemon.Id, layout.Exported), Ledger, TimeProvider.System);
            string Flags() => MountInfo.Read(daemon.Id).Single(m => m.MountPoint == Path.Combine(Shared, "vol"))
                .Options.Split(',')[0];

            await sources.ShareAsync(
                Box, Source(), "vol", ShareAccess.ReadOnly, SharePropagation.FromHost, mayBePart: true, Ct);
            Flags().Should().Be("ro");
            await sources.ShareAsync(
                Other, Source(), "other", ShareAccess.ReadWrite, SharePropagation.FromHost, mayBePart: true, Ct);
            Flags().Should().Be("rw");
            await sources.LeaveAsync(Other);
            Flags().Should().Be("ro");
        }
        finally
        {
            daemon.Kill();
            layout.Release();
        }
    }

    [Fact]
    public async Task Share_when_a_writer_goes_whose_file_is_still_open_is_read_only_once_that_is_closed()
    {
        await using var share = await StartAsync();
        await share.ShareAsync(Box, Source(), "vol", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);
        await share.ShareAsync(Other, Source(), "other", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
        var file = Path.Combine(Shared, "vol/file");
        var open = File.OpenWrite(file);

        var leaving = share.LeaveAsync(Other, Ct);
        open.Dispose();
        await leaving;

        Invoking(() => File.WriteAllText(file, "again")).Should().Throw<IOException>();
    }

    [Fact]
    public async Task Share_when_the_host_has_it_read_only_stays_so_for_a_writer()
    {
        var source = Source();
        Mounts.Bind(source.Value, source.Value, readOnly: true);
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "vol", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);
            await share.ShareAsync(Other, source, "other", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

            Invoking(() => File.WriteAllText(Path.Combine(Shared, "vol/file"), "x")).Should().Throw<IOException>();
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    [Fact]
    public async Task Share_when_readers_have_others_mounted_below_gives_a_writer_its_own()
    {
        var source = Source();
        var inner = Path.Combine(source.Value, "inner");
        Directory.CreateDirectory(inner);
        Mounts.Mount("tmpfs", inner, "tmpfs");
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "ro", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);
            await share.ShareAsync(Other, source, "rw", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

            Invoking(() => File.WriteAllText(Path.Combine(Shared, "ro/inner/new"), "x")).Should().Throw<IOException>();
            File.WriteAllText(Path.Combine(Shared, "rw/inner/new"), "x");
        }
        finally
        {
            Mounts.UnmountTree(inner);
        }
    }

    [Fact]
    public async Task Share_when_the_same_folder_is_bound_elsewhere_too_is_the_same()
    {
        var places = new[] { Path.Combine(Folder, "one"), Path.Combine(Folder, "two") };
        foreach (var place in places)
        {
            Directory.CreateDirectory(place);
            Mounts.Bind(Source().Value, place);
        }

        try
        {
            await using var share = await StartAsync();
            var one = await share.ShareAsync(
                Box, HostPath.Parse(places[0], "one"), "one", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

            (await share.ShareAsync(Other, HostPath.Parse(places[1], "two"), "two", ShareAccess.ReadWrite,
                SharePropagation.FromHost, Ct)).Should().Be(one);
        }
        finally
        {
            foreach (var place in places)
                Mounts.UnmountTree(place);
        }
    }

    [Fact]
    public async Task Share_of_a_part_when_the_guest_cannot_find_parts_is_shown_by_itself()
    {
        var source = Source();
        await using var share = await StartAsync();
        await share.ShareAsync(Box, source, "whole", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

        var file = await share.ShareAsync(
            Other, source.Append("file"), "file", ShareAccess.ReadOnly, SharePropagation.Private, mayBePart: false, Ct);

        file.Should().Be(new SharedPath(GuestPaths.Share.Append("file")));
        File.Exists(Path.Combine(Shared, "file")).Should().BeTrue();
    }

    [Fact]
    public async Task Share_of_a_part_of_what_is_shared_is_found_in_it()
    {
        var source = Source();
        var place = Directory.CreateDirectory(Path.Combine(Folder, "place")).FullName;
        Directory.CreateDirectory(Path.Combine(source.Value, "a/b"));
        Mounts.Bind(Path.Combine(source.Value, "a/b"), place, recursive: false);
        try
        {
            await using var share = await StartAsync();
            var whole = await share.ShareAsync(
                Box, source, "whole", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

            (await share.ShareAsync(Other, HostPath.Parse(place, "place"), "part", ShareAccess.ReadWrite,
                SharePropagation.FromHost, Ct))
                .Should().Be(new SharedPath(whole.Root, "a/b"));
            (await share.ShareAsync(Other, source.Append("file"), "file", ShareAccess.ReadOnly,
                SharePropagation.Private, Ct))
                .Should().Be(new SharedPath(whole.Root, "file"));
            await share.LeaveAsync(Box, Ct);
            File.Exists(Path.Combine(Shared, "whole/file")).Should().BeTrue();
            await share.LeaveAsync(Other, Ct);
            Directory.Exists(Path.Combine(Shared, "whole")).Should().BeFalse();
        }
        finally
        {
            Mounts.UnmountTree(place);
        }
    }

    [Fact]
    public async Task Share_of_a_part_for_a_writer_does_not_let_it_write_in_the_whole()
    {
        var source = Source();
        Directory.CreateDirectory(Path.Combine(source.Value, "part"));
        await using var share = await StartAsync();
        await share.ShareAsync(Box, source, "whole", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);

        var part = await share.ShareAsync(
            Other, source.Append("part"), "part", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

        part.Should().Be(new SharedPath(GuestPaths.Share.Append("part")));
        Invoking(() => File.WriteAllText(Path.Combine(Shared, "whole/file"), "x")).Should().Throw<IOException>();
        File.WriteAllText(Path.Combine(Shared, "part/new"), "x");
    }

    [Fact]
    public async Task Share_when_its_name_is_taken_has_another()
    {
        await using var share = await StartAsync();
        var other = Directory.CreateDirectory(Path.Combine(Folder, "other")).FullName;
        var first = await share.ShareAsync(Box, Source(), "same", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

        var second = await share.ShareAsync(
            Other, HostPath.Parse(other, "other"), "same", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
        var third = await share.ShareAsync(
            Other, Source(), "watchable", ShareAccess.ReadWrite, SharePropagation.Private, Ct);

        new[] { first.Root, second.Root, third.Root, GuestPaths.Share.Append("watchable") }.Should().OnlyHaveUniqueItems();
    }

    [Theory]
    [InlineData(ShareAccess.ReadWrite)]
    [InlineData(ShareAccess.ReadOnly)]
    [InlineData(ShareAccess.ReadOnlyTop)]
    public async Task Leave_when_others_are_mounted_below_leaves_no_mount_point(ShareAccess access)
    {
        var below = Directory.CreateDirectory(Path.Combine(Source().Value, "below")).FullName;
        Mounts.Mount("tmpfs", below, "tmpfs", []);
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, Source(), "vol", access, SharePropagation.FromHost, Ct);

            await share.LeaveAsync(Box, Ct);

            Directory.GetFileSystemEntries(Path.Combine(Folder, "shares/pod1/mounts")).Select(Path.GetFileName)
                .Should().Equal("watchable");
            Mounts.IsMountPoint(below).Should().BeTrue();
        }
        finally
        {
            Mounts.UnmountTree(below);
        }
    }

    [Fact]
    public async Task Leave_when_the_last_one_goes_leaves_no_mount_point()
    {
        await using var share = await StartAsync();
        await share.ShareAsync(Box, Source(), "vol", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);
        await share.ShareAsync(
            Other, HostPath.Parse("/etc/hostname", "file"), "one", ShareAccess.ReadWrite, SharePropagation.FromHost,
            Ct);

        await share.LeaveAsync(Box, Ct);
        await share.LeaveAsync(Other, Ct);

        Directory.GetFileSystemEntries(Path.Combine(Folder, "shares/pod1/mounts")).Select(Path.GetFileName)
            .Should().Equal("watchable");
        Directory.GetFileSystemEntries(Path.Combine(Folder, "shares/pod1/private")).Should().BeEmpty();
        File.ReadAllText(Path.Combine(Folder, "source/file")).Should().Be("content");
    }

    [Theory]
    [InlineData(ShareAccess.ReadOnly, false)]
    [InlineData(ShareAccess.ReadOnlyTop, true)]
    public async Task Share_when_read_only_covers_what_is_mounted_inside_as_asked(ShareAccess access, bool writable)
    {
        var source = Source();
        var inner = Path.Combine(source.Value, "inner");
        Directory.CreateDirectory(inner);
        Mounts.Mount("tmpfs", inner, "tmpfs");
        try
        {
            await using var share = await StartAsync();

            await share.ShareAsync(Box, source, "ro", access, SharePropagation.FromHost, Ct);

            Invoking(() => File.WriteAllText(Path.Combine(Shared, "ro/new"), "x")).Should().Throw<IOException>();
            if (writable)
                File.WriteAllText(Path.Combine(Shared, "ro/inner/new"), "x");
            else
                Invoking(() => File.WriteAllText(Path.Combine(Shared, "ro/inner/new"), "x"))
                    .Should().Throw<IOException>();
        }
        finally
        {
            Mounts.UnmountTree(inner);
        }
    }

    [Theory]
    [InlineData(ShareAccess.ReadWrite, SharePropagation.FromHost, true)]
    [InlineData(ShareAccess.ReadOnly, SharePropagation.FromHost, true)]
    [InlineData(ShareAccess.ReadWrite, SharePropagation.Private, false)]
    [InlineData(ShareAccess.ReadOnly, SharePropagation.Private, false)]
    public async Task Share_when_the_host_mounts_below_it_later_shows_that_as_asked(
        ShareAccess access, SharePropagation propagation, bool shows)
    {
        var source = Source();
        Mounts.Bind(source.Value, source.Value);
        Mounts.SetPropagation(source.Value, MountFlags.MS_SHARED);
        var inner = Path.Combine(source.Value, "inner");
        Directory.CreateDirectory(inner);
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "vol", access, propagation, Ct);

            Mounts.Mount("tmpfs", inner, "tmpfs");
            File.WriteAllText(Path.Combine(inner, "late"), "x");

            if (shows)
                await Until(() => File.Exists(Path.Combine(Shared, "vol/inner/late")));
            File.Exists(Path.Combine(Shared, "vol/inner/late")).Should().Be(shows);
            var daemon = Ledger.Read().Held.Single(r => r.Kind == ResourceKind.Process).ProcessId;
            File.ReadAllLines($"/proc/{daemon}/mountinfo")
                .Any(line => line.Contains("/vol/inner ", StringComparison.Ordinal)).Should().Be(shows);
            if (access == ShareAccess.ReadOnly)
                Invoking(() => File.WriteAllText(Path.Combine(Shared, "vol/file"), "x")).Should().Throw<IOException>();
            else
                File.WriteAllText(Path.Combine(Shared, "vol/file"), "written");

            Mounts.UnmountTree(inner);
            await Until(() => !File.Exists(Path.Combine(Shared, "vol/inner/late")));
            Directory.Exists(Path.Combine(Shared, "vol/inner")).Should().BeTrue();
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    [Theory]
    [InlineData(true, ShareAccess.ReadWrite)]
    [InlineData(false, ShareAccess.ReadWrite)]
    [InlineData(false, ShareAccess.ReadOnly)]
    public async Task Unmount_by_the_host_when_the_guest_holds_a_file_there_is_not_refused_and_is_told(
        bool before, ShareAccess access)
    {
        var source = SharedSource();
        var inner = Directory.CreateDirectory(Path.Combine(source.Value, "a/inner")).FullName;
        try
        {
            await using var share = await StartAsync();
            if (before)
                MountWithFile(inner);
            await share.ShareAsync(Box, source, "vol", access, SharePropagation.FromHost, Ct);
            if (!before)
                MountWithFile(inner);
            var seen = Path.Combine(Shared, "vol/a/inner/file");
            await Until(() => File.Exists(seen));
            using var held = File.OpenRead(seen);

            var unmount = await UnmountAsync(inner);

            unmount.Should().Be("");
            (await FirstTakenBackAsync(share)).Should().Be(GuestPaths.Share.Append("vol/a/inner"));
            MountInfo.Read().Should().NotContain(m => IsOurs(m, "/inner"));
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    [Theory]
    [InlineData(ShareAccess.ReadWrite, true)]
    [InlineData(ShareAccess.ReadOnlyTop, true)]
    [InlineData(ShareAccess.ReadOnly, false)]
    public async Task Share_when_the_host_mounts_below_it_later_lets_that_be_written_as_asked(
        ShareAccess access, bool writable)
    {
        var source = SharedSource();
        var inner = Directory.CreateDirectory(Path.Combine(source.Value, "inner")).FullName;
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "vol", access, SharePropagation.FromHost, Ct);

            MountWithFile(inner);
            var seen = Path.Combine(Shared, "vol/inner/file");
            await Until(() => File.Exists(seen));

            var write = () => File.WriteAllText(seen, "x");
            if (writable)
                write();
            else
                write.Should().Throw<IOException>();
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    [Fact]
    public async Task Share_when_the_host_mounts_in_what_it_has_mounted_later_shows_both_and_lets_both_go()
    {
        var source = SharedSource();
        var inner = Directory.CreateDirectory(Path.Combine(source.Value, "inner")).FullName;
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "vol", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
            Mounts.Mount("tmpfs", inner, "tmpfs");
            Mounts.SetPropagation(inner, MountFlags.MS_SHARED);
            var deeper = Directory.CreateDirectory(Path.Combine(inner, "deeper")).FullName;
            MountWithFile(deeper);
            await Until(() => File.Exists(Path.Combine(Shared, "vol/inner/deeper/file")));

            (await UnmountAsync(deeper)).Should().Be("");
            await Until(() => !File.Exists(Path.Combine(Shared, "vol/inner/deeper/file")));
            Directory.Exists(Path.Combine(Shared, "vol/inner/deeper")).Should().BeTrue();
            (await UnmountAsync(inner)).Should().Be("");
            await Until(() => !Directory.Exists(Path.Combine(Shared, "vol/inner/deeper")));
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    [Fact]
    public async Task Share_when_the_host_has_mounted_below_it_meanwhile_is_the_same_for_who_comes_later()
    {
        var source = SharedSource();
        var inner = Directory.CreateDirectory(Path.Combine(source.Value, "inner")).FullName;
        try
        {
            await using var share = await StartAsync();
            var first = await share.ShareAsync(
                Box, source, "vol", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
            MountWithFile(inner);

            (await share.ShareAsync(Other, source, "other", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct))
                .Should().Be(first);
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    [Fact]
    public async Task Unmount_by_the_host_of_one_of_two_that_were_mounted_at_once_takes_that_one_away()
    {
        var source = SharedSource();
        var first = Directory.CreateDirectory(Path.Combine(source.Value, "first")).FullName;
        var second = Directory.CreateDirectory(Path.Combine(source.Value, "second")).FullName;
        MountWithFile(first);
        MountWithFile(second);
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "vol", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

            (await UnmountAsync(second)).Should().Be("");

            await Until(() => !File.Exists(Path.Combine(Shared, "vol/second/file")));
            File.Exists(Path.Combine(Shared, "vol/first/file")).Should().BeTrue();
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    /// <summary>
    /// The kernel gives a mount's number to another as soon as it is free: a new mount may have an old one's.
    /// </summary>
    [Fact]
    public async Task Unmount_by_the_host_while_others_mount_and_unmount_is_told()
    {
        var source = SharedSource();
        var inner = Directory.CreateDirectory(Path.Combine(source.Value, "inner")).FullName;
        var busy = Directory.CreateDirectory(Path.Combine(Folder, "busy")).FullName;
        using var over = new CancellationTokenSource();
        var others = Task.Run(
            () =>
            {
                while (!over.IsCancellationRequested)
                {
                    for (var stacked = 0; stacked < 20; stacked++)
                        Mounts.Mount("tmpfs", busy, "tmpfs");
                    while (Mounts.TryUnmount(busy))
                    {
                    }
                }
            },
            Ct);
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "vol", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
            await using var told = share.UnmountedAsync(Ct).GetAsyncEnumerator(Ct);
            for (var times = 0; times < 10; times++)
            {
                MountWithFile(inner);
                await Until(() => File.Exists(Path.Combine(Shared, "vol/inner/file")));
                (await UnmountAsync(inner)).Should().Be("");

                (await told.MoveNextAsync()).Should().BeTrue();
                told.Current.Should().Be(GuestPaths.Share.Append("vol/inner"));
                await Until(() => !File.Exists(Path.Combine(Shared, "vol/inner/file")));
            }
        }
        finally
        {
            await over.CancelAsync();
            await others;
            Mounts.UnmountTree(source.Value);
        }
    }

    /// <summary>A container can do that in the guest, where nothing is mounted there.</summary>
    [Fact]
    public async Task Unmount_by_the_host_when_the_way_there_was_renamed_and_a_link_put_in_its_place_takes_nothing_else_away()
    {
        var source = SharedSource();
        var other = Directory.CreateDirectory(Path.Combine(Folder, "other/inner")).FullName;
        var inner = Directory.CreateDirectory(Path.Combine(source.Value, "a/inner")).FullName;
        MountWithFile(other);
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "vol", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
            MountWithFile(inner);
            await Until(() => File.Exists(Path.Combine(Shared, "vol/a/inner/file")));

            Directory.Move(Path.Combine(source.Value, "a"), Path.Combine(source.Value, "b"));
            File.CreateSymbolicLink(Path.Combine(source.Value, "a"), Path.Combine(Folder, "other"));
            (await UnmountAsync(Path.Combine(source.Value, "b/inner"))).Should().Be("");

            await Until(() => !File.Exists(Path.Combine(Shared, "vol/b/inner/file")));
            Mounts.IsMountPoint(other).Should().BeTrue();
            MountInfo.Read().Should().NotContain(m => IsOurs(m, "vol/b/inner"));
        }
        finally
        {
            Mounts.UnmountTree(other);
            Mounts.UnmountTree(source.Value);
        }
    }

    [Fact]
    public async Task Share_when_it_is_private_holds_no_later_mount_of_the_hosts()
    {
        var source = SharedSource();
        var inner = Directory.CreateDirectory(Path.Combine(source.Value, "inner")).FullName;
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "vol", ShareAccess.ReadWrite, SharePropagation.Private, Ct);
            // One that is followed, so that it is known when the host's mounts have been looked at.
            await share.ShareAsync(Other, source, "followed", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

            MountWithFile(inner);
            await Until(() => File.Exists(Path.Combine(Shared, "followed/inner/file")));

            File.Exists(Path.Combine(Shared, "vol/inner/file")).Should().BeFalse();
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    [Theory]
    [InlineData(ShareAccess.ReadOnly)]
    [InlineData(ShareAccess.ReadWrite)]
    public async Task Share_of_a_single_file_shows_that_file(ShareAccess access)
    {
        await using var share = await StartAsync();

        await share.ShareAsync(Box, Source().Append("file"), "one", access, SharePropagation.Private, Ct);

        File.ReadAllText(Path.Combine(Shared, "one")).Should().Be("content");
        if (access == ShareAccess.ReadOnly)
            Invoking(() => File.WriteAllText(Path.Combine(Shared, "one"), "x")).Should().Throw<IOException>();
    }

    [Fact]
    public async Task Share_when_kubelet_renews_a_volume_by_its_link_shows_the_new_content()
    {
        var source = Source();
        Directory.CreateDirectory(Path.Combine(source.Value, "..1"));
        File.WriteAllText(Path.Combine(source.Value, "..1/key"), "old");
        File.CreateSymbolicLink(Path.Combine(source.Value, "..data"), "..1");
        await using var share = await StartAsync();
        await share.ShareAsync(Box, source, "cfg", ShareAccess.ReadOnly, SharePropagation.Private, Ct);

        Directory.CreateDirectory(Path.Combine(source.Value, "..2"));
        File.WriteAllText(Path.Combine(source.Value, "..2/key"), "new");
        File.Delete(Path.Combine(source.Value, "..data"));
        File.CreateSymbolicLink(Path.Combine(source.Value, "..data"), "..2");

        File.ReadAllText(Path.Combine(Shared, "cfg/..data/key")).Should().Be("new");
    }

    [Fact]
    public async Task Place_of_watched_volumes_is_there_for_the_guest()
    {
        await using var share = await StartAsync();

        Directory.Exists(Path.Combine(Shared, "watchable")).Should().BeTrue();
    }

    [Fact]
    public async Task Share_when_the_sources_filesystem_does_not_answer_is_given_up_and_hinders_nothing_else()
    {
        using var stalled = new StalledFilesystem(Path.Combine(Folder, "stalled"));
        var source = HostPath.Parse(Path.Combine(Folder, "stalled"), "source");
        await using var share = await StartAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

        var stuck = () => share.ShareAsync(
            Box, source, "vol", ShareAccess.ReadWrite, SharePropagation.FromHost, limit.Token);

        (await stuck.Should().ThrowAsync<KataException>().WithMessage($"{source}, which*does not answer*"))
            .Which.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        await share.ShareAsync(Other, Source(), "other", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
        await share.LeaveAsync(Box, Ct);
        await share.LeaveAsync(Other, Ct);
        await share.StopAsync(Ct);
        Ledger.Read().Held.Should().BeEmpty();
        Directory.Exists(Path.Combine(Folder, "shares/pod1")).Should().BeFalse();
    }

    [Fact]
    public async Task Share_when_something_below_the_source_does_not_answer_shows_the_rest_and_can_be_given_back()
    {
        var source = SharedSource();
        try
        {
            await using var share = await StartAsync();
            await share.ShareAsync(Box, source, "vol", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
            using var stalled = new StalledFilesystem(Path.Combine(source.Value, "stalled"));
            await Until(() => MountInfo.Read().Any(m => m.MountPoint == Path.Combine(Shared, "vol/stalled")));

            File.ReadAllText(Path.Combine(Shared, "vol/file")).Should().Be("content");
            Mounts.Unmount(Path.Combine(source.Value, "stalled"));
            await Until(() => !MountInfo.IsAnyBelow(Path.Combine(Shared, "vol")));
            await share.LeaveAsync(Box, Ct);
            await share.StopAsync(Ct);
            Ledger.Read().Held.Should().BeEmpty();
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    [Theory]
    [InlineData("link")]
    [InlineData("link/below")]
    public async Task Share_when_a_link_has_been_put_on_the_way_since_the_look_is_refused_by_name(string name)
    {
        Directory.CreateDirectory(Path.Combine(Source().Value, "below"));
        File.CreateSymbolicLink(Path.Combine(Folder, "link"), Source().Value);
        var source = HostPath.Parse(Path.Combine(Folder, name), "source");
        await using var share = await StartAsync();

        var follow = () => share.ShareAsync(Box, source, "vol", ShareAccess.ReadWrite, SharePropagation.Private, Ct);

        (await follow.Should().ThrowAsync<KataException>().WithMessage($"{source},*link*"))
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        Ledger.Read().Held.Should().NotContain(r => r.Owner == Box);
    }

    [Fact]
    public async Task Start_when_the_daemon_lacks_an_option_repeats_what_it_says_and_leaves_nothing()
    {
        var settings = Settings with { VirtioFsExtraArguments = ["--no-such-option"] };

        (await Filesystem.Invoking(f => f.StartAsync(SandboxId.Parse("pod1"), settings, Placement, Ledger,
            Ct)).Should().ThrowAsync<KataException>())
            .Which.Message.Should().Contain("no-such-option");

        Ledger.Read().Held.Should().BeEmpty();
        Directory.Exists(Path.Combine(Folder, "shares/pod1")).Should().BeFalse();
    }

    [Fact]
    public async Task Stop_when_source_has_shared_mounts_leaves_those_of_the_host()
    {
        var source = Source();
        Mounts.Bind(source.Value, source.Value);
        Mounts.SetPropagation(source.Value, MountFlags.MS_SHARED);
        var inner = Path.Combine(source.Value, "inner");
        Directory.CreateDirectory(inner);
        Mounts.Mount("tmpfs", inner, "tmpfs");
        try
        {
            await using (var share = await StartAsync())
            {
                await share.ShareAsync(Box, source, "rw", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
                await share.ShareAsync(Box, source, "ro", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);
                await share.StopAsync(Ct);
            }

            Mounts.IsMountPoint(inner).Should().BeTrue();
        }
        finally
        {
            Mounts.UnmountTree(source.Value);
        }
    }

    [Fact]
    public async Task Rootfs_when_mounted_after_the_start_is_seen_by_the_daemon()
    {
        await using var share = await StartAsync();
        var target = share.RootfsTarget(Box).Value;
        Directory.CreateDirectory(target);

        Mounts.Mount("tmpfs", target, "tmpfs");
        File.WriteAllText(Path.Combine(target, "in-root"), "x");

        File.Exists(Path.Combine(Shared, "box/rootfs/in-root")).Should().BeTrue();
        var daemon = Ledger.Read().Held.Single(r => r.Kind == ResourceKind.Process).ProcessId;
        File.ReadAllLines($"/proc/{daemon}/mountinfo")
            .Should().Contain(line => line.Contains("/box/rootfs ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stop_when_done_leaves_no_mount_process_or_file()
    {
        await using var share = await StartAsync();
        var daemon = Ledger.Read().Held.Single(r => r.Kind == ResourceKind.Process).ProcessId;

        await share.StopAsync(Ct);

        Ledger.Read().Held.Should().BeEmpty();
        Directory.Exists(Path.Combine(Folder, "shares/pod1")).Should().BeFalse();
        Directory.GetFileSystemEntries(Path.Combine(Folder, "state")).Should().BeEmpty();
        MountInfo.Read().Should().NotContain(m => m.MountPoint.StartsWith(Folder, StringComparison.Ordinal));
        ProcFs.Stat(daemon).Should().BeNull();
    }

    [Fact]
    public async Task Start_when_placed_has_the_score_by_which_memory_is_taken_back()
    {
        await using var share = await StartAsync();

        var daemon = Ledger.Read().Held.Single(r => r.Kind == ResourceKind.Process).ProcessId;
        (await File.ReadAllTextAsync($"/proc/{daemon}/oom_score_adj", Ct)).Trim().Should().Be("321");
    }

    [Fact]
    public async Task Exited_when_daemon_is_killed_says_how()
    {
        await using var share = await StartAsync();
        using (var daemon = PidFd.Open(Ledger.Read().Held.Single(r => r.Kind == ResourceKind.Process).ProcessId))
            daemon.SendSignal(Signals.SIGKILL);

        (await share.Exited.WaitAsync(Ct)).Should().StartWith("virtiofsd ended with signal 9");
    }

    [Theory]
    [InlineData("/nowhere/virtiofsd", ErrorKind.NotFound)]
    [InlineData("/bin/false", ErrorKind.Unavailable)]
    public async Task Start_when_daemon_cannot_run_leaves_nothing(string program, ErrorKind kind)
    {
        var settings = new HypervisorSettings
        {
            Name = "qemu",
            Path = "/vmm",
            Kernel = "/kernel",
            VirtioFsDaemon = program
        };

        var thrown = (
            await Filesystem.Invoking(f => f.StartAsync(SandboxId.Parse("pod1"), settings, Placement, Ledger, Ct))
            .Should().ThrowAsync<KataException>()).Which;

        thrown.Kind.Should().Be(kind);
        Ledger.Read().Held.Should().BeEmpty();
        Directory.Exists(Path.Combine(Folder, "shares/pod1")).Should().BeFalse();
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    private static Action Invoking(Action action) => action;

    /// <summary>As it is on a host with systemd: what is mounted there is passed on.</summary>
    private HostPath SharedSource()
    {
        var source = Source();
        Mounts.Bind(source.Value, source.Value);
        Mounts.SetPropagation(source.Value, MountFlags.MS_PRIVATE);
        Mounts.SetPropagation(source.Value, MountFlags.MS_SHARED);
        return source;
    }

    private bool IsOurs(MountInfo mount, string end) =>
        mount.MountPoint.StartsWith(Folder, StringComparison.Ordinal)
            && mount.MountPoint.EndsWith(end, StringComparison.Ordinal);

    private static void MountWithFile(string place)
    {
        Mounts.Mount("tmpfs", place, "tmpfs");
        File.WriteAllText(Path.Combine(place, "file"), "content");
    }

    /// <summary>As users do it, who are refused while something is busy; what the command says.</summary>
    private async Task<string> UnmountAsync(string place)
    {
        using var umount = Process.Start(new ProcessStartInfo("umount", [place]) { RedirectStandardError = true })!;
        var said = await umount.StandardError.ReadToEndAsync(Ct);
        await umount.WaitForExitAsync(Ct);
        return said;
    }

    private async Task<GuestPath> FirstTakenBackAsync(ISharedDirectory share)
    {
        await foreach (var place in share.UnmountedAsync(Ct))
            return place;
        throw new InvalidOperationException("nothing was taken back before the share ended");
    }

    private async Task Until(Func<bool> fact)
    {
        while (!fact())
            await Task.Delay(10, Ct);
    }
}
