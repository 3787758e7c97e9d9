using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IDirectVolumes"/> keeps to.</summary>
public abstract class DirectVolumesContract
{
    protected static readonly HostPath Path = HostPath.Parse(
        "/var/lib/kubelet/pods/p/volumes/kubernetes.io~csi/pvc>1?/mount", "path");

    private static readonly HostPath Other = HostPath.Parse("/var/lib/kubelet/pods/q/mount", "path");

    protected abstract IDirectVolumes Port { get; }

    /// <summary>Announces an ext4 of that device.</summary>
    protected abstract Task AnnounceAsync(HostPath path, string device);

    [Fact]
    public async Task Volume_is_found_from_its_announcement_until_that_is_taken_back()
    {
        (await Port.FindAsync(Path, default)).Should().BeNull();
        await AnnounceAsync(Path, "/dev/sdb");

        var volume = await Port.FindAsync(Path, default);

        (volume!.Device.Value, volume.FsType).Should().Be(("/dev/sdb", "ext4"));
        (await Port.FindAsync(Other, default)).Should().BeNull();
        await Port.RemoveAsync(Path, default);
        await Port.RemoveAsync(Path, default);
        (await Port.FindAsync(Path, default)).Should().BeNull();
    }

    [Fact]
    public async Task Announcement_takes_the_place_of_the_one_before()
    {
        await AnnounceAsync(Path, "/dev/sdb");

        await AnnounceAsync(Path, "/dev/sdc");

        (await Port.FindAsync(Path, default))!.Device.Value.Should().Be("/dev/sdc");
    }

    [Fact]
    public async Task User_of_a_volume_is_who_marked_it_until_it_is_taken_back()
    {
        await AnnounceAsync(Path, "/dev/sdb");
        (await Port.FindUserAsync(Path, default)).Should().BeNull();
        (await Port.FindUserAsync(Other, default)).Should().BeNull();

        await Port.MarkAsync((await Port.FindAsync(Path, default))!, SandboxId.Parse("pod1"), default);

        (await Port.FindUserAsync(Path, default)).Should().Be(SandboxId.Parse("pod1"));
        await Port.RemoveAsync(Path, default);
        await AnnounceAsync(Path, "/dev/sdb");
        (await Port.FindUserAsync(Path, default)).Should().BeNull();
    }
}
