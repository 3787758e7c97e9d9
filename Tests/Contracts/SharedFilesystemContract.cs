using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="ISharedFilesystem"/> keeps to.</summary>
public abstract class SharedFilesystemContract : IDisposable
{
    protected static readonly ContainerId Box = ContainerId.Parse("box");

    protected static readonly ContainerId Other = ContainerId.Parse("other");

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(60));

    protected string Folder { get; } = Directory.CreateTempSubdirectory("share").FullName;

    protected HypervisorLedger Ledger { get; } = new();

    protected CancellationToken Ct => _limit.Token;

    protected abstract ISharedFilesystem Filesystem { get; }

    protected virtual HypervisorSettings Settings { get; } = new() { Name = "qemu", Path = "/vmm", Kernel = "/kernel" };

    protected VmPlacement Placement => new()
    {
        StateDirectory = HostPath.Parse(Path.Combine(Folder, "state"), "state directory"),
        OomScoreAdjustment = 321,
    };

    public virtual void Dispose()
    {
        _limit.Dispose();
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Start_when_done_names_the_device_of_the_guest()
    {
        await using var share = await StartAsync();

        share.Exited.IsCompleted.Should().BeFalse();
        share.VmDevice.Should().BeOfType<SharedDirectoryDevice>().Which.Tag.Should().Be(GuestPaths.ShareTag);
    }

    [Fact]
    public async Task Place_of_a_root_on_the_host_is_the_one_where_the_guest_looks_for_it()
    {
        await using var share = await StartAsync();

        share.RootfsTarget(Box).Value.Should().EndWith(GuestPaths.Rootfs(Box).Value[GuestPaths.Share.Value.Length..]);
    }

    [Fact]
    public async Task Stop_when_things_are_shared_leaves_only_what_containers_own()
    {
        await using var share = await StartAsync();
        await share.ShareAsync(Box, Source(), "box-0-data", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);

        await share.StopAsync(Ct);
        await share.StopAsync(Ct);

        share.Exited.IsCompleted.Should().BeTrue();
        Ledger.Read().Held.Should().OnlyContain(r => r.Owner == Box);
    }

    [Fact]
    public async Task Share_when_named_is_found_by_that_name_in_the_guest()
    {
        await using var share = await StartAsync();

        var path = await share.ShareAsync(
            Box, Source(), "box-0-data", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);

        path.Should().Be(new SharedPath(GuestPaths.Share.Append("box-0-data")));
        Ledger.Read().Held.Should().Contain(r => r.Owner == Box);
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\0")]
    public async Task Share_when_name_is_no_segment_is_refused(string name)
    {
        await using var share = await StartAsync();

        var thrown = (
            await share.Invoking(
                s =>
                    s.ShareAsync(Box, Source(), name, ShareAccess.ReadOnly, SharePropagation.FromHost,
                        Ct)).Should().ThrowAsync<KataException>()).Which;

        thrown.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public async Task Share_when_name_is_longer_than_a_segment_cuts_it()
    {
        await using var share = await StartAsync();

        var path = await share.ShareAsync(
            Box, Source(), "box-0-" + new string('ü', 255), ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

        System.Text.Encoding.UTF8.GetByteCount(Path.GetFileName(path.Root.Value)).Should().BeLessThanOrEqualTo(255);
    }

    [Fact]
    public async Task Share_when_source_is_missing_names_it()
    {
        await using var share = await StartAsync();

        var thrown = (
            await share.Invoking(
                s =>
                    s.ShareAsync(
                        Box, HostPath.Parse("/nowhere/x", "x"), "x", ShareAccess.ReadOnly, SharePropagation.FromHost,
                        Ct))
            .Should().ThrowAsync<KataException>()).Which;

        thrown.Message.Should().Contain("/nowhere/x").And.NotContainEquivalentOf("no such file");
        Ledger.Read().Held.Should().NotContain(r => r.Owner == Box);
    }

    [Fact]
    public async Task Share_when_stopped_is_unavailable()
    {
        await using var share = await StartAsync();
        await share.StopAsync(Ct);

        (await share.Invoking(s => s.ShareAsync(Box, Source(), "late", ShareAccess.ReadOnly, SharePropagation.FromHost,
            Ct)).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.Unavailable);
    }

    [Theory]
    [InlineData(ShareAccess.ReadOnly, ShareAccess.ReadOnly)]
    [InlineData(ShareAccess.ReadWrite, ShareAccess.ReadOnly)]
    [InlineData(ShareAccess.ReadOnly, ShareAccess.ReadWrite)]
    public async Task Share_when_another_container_has_it_is_the_same(ShareAccess first, ShareAccess second)
    {
        await using var share = await StartAsync();
        var path = await share.ShareAsync(Box, Source(), "box-0-data", first, SharePropagation.FromHost, Ct);

        var other = await share.ShareAsync(Other, Source(), "other-3-in", second, SharePropagation.FromHost, Ct);

        other.Should().Be(path);
        Ledger.Read().Held.Select(r => r.Owner).Should().Contain([Box, Other]);
    }

    [Fact]
    public async Task Leave_when_another_container_has_it_too_leaves_it_to_that_one()
    {
        await using var share = await StartAsync();
        var path = await share.ShareAsync(
            Box, Source(), "box-0-data", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
        await share.ShareAsync(Other, Source(), "other-0-data", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);

        await share.LeaveAsync(Box, Ct);
        await share.LeaveAsync(Box, Ct);

        Ledger.Read().Held.Should().NotContain(r => r.Owner == Box).And.Contain(r => r.Owner == Other);
        (await share.ShareAsync(Box, Source(), "again", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct))
            .Should().Be(path);
    }

    [Fact]
    public async Task Leave_when_the_last_one_goes_takes_it_away()
    {
        await using var share = await StartAsync();
        await share.ShareAsync(Box, Source(), "box-0-data", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct);
        await share.ShareAsync(Box, Source(), "box-1-data", ShareAccess.ReadOnly, SharePropagation.FromHost, Ct);

        await share.LeaveAsync(Box, Ct);

        Ledger.Read().Held.Should().NotContain(r => r.Owner == Box);
        (await share.ShareAsync(Box, Source(), "again", ShareAccess.ReadWrite, SharePropagation.FromHost, Ct)).Root
            .Should().Be(GuestPaths.Share.Append("again"));
    }

    [Fact]
    public async Task Leave_when_stopped_or_a_stranger_is_nothing()
    {
        await using var share = await StartAsync();
        await share.LeaveAsync(Other, Ct);

        await share.StopAsync(Ct);

        await share.LeaveAsync(Box, Ct);
    }

    protected Task<ISharedDirectory> StartAsync() =>
        Filesystem.StartAsync(SandboxId.Parse("pod1"), Settings, Placement, Ledger, Ct);

    /// <summary>A directory with a file in it.</summary>
    protected HostPath Source()
    {
        var directory = Path.Combine(Folder, "source");
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "file"), "content");
        return HostPath.Parse(directory, "source");
    }
}
