using FluentAssertions;
using Kata.Apps.Agent.Boot;
using Kata.Apps.Agent.Network;
using Kata.Apps.Agent.Storage;
using Kata.Platform.Linux;
using Kata.Platform.Protos.Agent;
using Kata.Tests.Unit.Linux;
using Xunit;

namespace Kata.Tests.Unit.Agent;

/// <summary>What the agent reads from, and does to, files as the guest's kernel shows them.</summary>
public sealed class GuestFilesTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-files-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Modules_when_devices_are_there_name_the_drivers_of_these_alone()
    {
        Write("virtio0/device", "0x001a\n");
        Write("virtio1/device", "0x0008\n");
        Write("virtio2/device", "0x0001\n");
        Write("virtio3/device", "0x0001\n");

        VirtioDevices.Modules(_directory).Should().Equal("virtio_net", "virtio_scsi");
    }

    [Fact]
    public void Modules_when_there_is_no_such_bus_are_none() =>
        VirtioDevices.Modules(Path.Combine(_directory, "none")).Should().BeEmpty();

    [Fact]
    public void Statistics_tell_of_every_link_but_loopback()
    {
        Write("lo/statistics/rx_bytes", "9\n");
        Write("eth0/statistics/rx_bytes", "12\n");
        Write("eth0/statistics/tx_dropped", "3\n");

        LinkStatistics.Read(_directory).Should().Equal(new NetworkStats { Name = "eth0", RxBytes = 12, TxDropped = 3 });
    }

    [RootFact]
    public void Give_when_the_root_has_another_group_gives_the_whole_tree_but_no_link()
    {
        Write("d/file", "");
        FileModes.Set(Path.Combine(_directory, "d/file"), 0x180);
        File.CreateSymbolicLink(Path.Combine(_directory, "d/link"), "/nowhere");

        GroupOwnership.Give(_directory, 2000, FSGroupChangePolicy.Always, readOnly: false);

        FileStatus.Of(Path.Combine(_directory, "d/file"))
            .Should().BeEquivalentTo(new { GroupId = 2000u, Permissions = 0x1B0u });
        FileStatus.Of(Path.Combine(_directory, "d")).Permissions.Should().Be(0x400 | 0x1FD);
        FileStatus.Of(Path.Combine(_directory, "d/link"), followLink: false).GroupId.Should().NotBe(2000);
    }

    [RootFact]
    public void Give_when_the_root_fits_already_and_only_a_mismatch_counts_leaves_the_rest()
    {
        GroupOwnership.Give(_directory, 2000, FSGroupChangePolicy.Always, readOnly: false);
        Write("late", "");

        GroupOwnership.Give(_directory, 2000, FSGroupChangePolicy.OnRootMismatch, readOnly: false);

        FileStatus.Of(Path.Combine(_directory, "late")).Permissions.Should().Be(0x1A4);
    }

    private void Write(string path, string text)
    {
        var file = Path.Combine(_directory, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
