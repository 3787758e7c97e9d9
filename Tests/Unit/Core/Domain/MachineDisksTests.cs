using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

/// <summary>Who uses the disks of a machine, and when they leave it.</summary>
public sealed class MachineDisksTests
{
    private static readonly ContainerId One = ContainerId.Parse("one");
    private static readonly ContainerId Two = ContainerId.Parse("two");
    private static readonly HostPath Path = HostPath.Parse("/dev/sdb", "disk");
    private static readonly HostPath Volume = HostPath.Parse("/volumes/a", "volume");
    private static readonly GuestPath MountPoint = GuestPath.Parse("/mnt/a", "mount point");

    private readonly MachineDisks _disks = new();

    [Fact]
    public void Next_never_gives_a_name_twice()
    {
        var first = Attach(One, "a");
        _disks.RecordReleased(One, first);

        Attach(One, "a").Device.Should().NotBe(first.Device);
    }

    [Fact]
    public void Join_when_the_device_is_there_answers_it_for_both()
    {
        _disks.Join(One, "a", Path, readOnly: false).Should().BeNull("nobody has added it");
        var attached = Attach(One, "a");

        _disks.Join(Two, "a", Path, readOnly: false).Should().Be(attached);
        _disks.UsedBy(One).Should().Equal((attached, false));
        _disks.UsedBy(Two).Should().Equal((attached, false));
    }

    [Fact]
    public void Join_in_the_other_mode_is_refused()
    {
        Attach(One, "a");

        FluentActions.Invoking(() => _disks.Join(Two, "a", Path, readOnly: true)).Should().Throw<KataException>()
            .Which.Kind.Should().Be(ErrorKind.FailedPrecondition);
        _disks.UsedBy(Two).Should().BeEmpty();
    }

    [Fact]
    public void Disk_leaves_with_the_last_that_uses_it()
    {
        var attached = Attach(One, "a");
        _disks.Join(Two, "a", Path, readOnly: false);

        _disks.RecordReleased(One, attached);
        _disks.UsedBy(Two).Should().Equal((attached, true));
        _disks.RecordReleased(Two, attached);
        _disks.Join(One, "a", Path, readOnly: false).Should().BeNull("it has left");
    }

    [Fact]
    public void UsedBy_answers_what_was_added_last_first()
    {
        var (a, b) = (Attach(One, "a"), Attach(One, "b"));

        _disks.UsedBy(One).Select(one => one.Disk).Should().Equal(b, a);
    }

    [Fact]
    public void Volume_is_found_on_its_disk_while_somebody_uses_it()
    {
        var attached = Attach(One, "a");
        _disks.RecordVolume(attached, Volume, MountPoint, stays: false);

        _disks.Find(Volume).Should().Be((attached, MountPoint));
        _disks.RecordReleased(One, attached);
        FluentActions.Invoking(() => _disks.Find(Volume)).Should().Throw<KataException>()
            .Which.Kind.Should().Be(ErrorKind.NotFound);
    }

    [Fact]
    public void Volume_that_stays_keeps_its_disk_for_the_next_container()
    {
        var attached = Attach(One, "a");
        _disks.RecordVolume(attached, Volume, MountPoint, stays: true);

        _disks.UsedBy(One).Should().Equal((attached, false));
        _disks.RecordReleased(One, attached);
        _disks.Join(Two, "a", Path, readOnly: false).Should().Be(attached);
    }

    [Fact]
    public void Disk_that_the_guest_does_not_let_go_of_stays_unless_another_uses_it()
    {
        var (alone, shared) = (Attach(One, "a"), Attach(One, "b"));
        _disks.Join(Two, "b", Path, readOnly: false);

        _disks.RecordAbandoned(One);

        _disks.UsedBy(One).Should().BeEmpty();
        _disks.Join(Two, "a", Path, readOnly: false).Should().Be(alone);
        _disks.UsedBy(Two).Should().Equal((shared, true), (alone, false));
    }

    private AttachedDevice Attach(ContainerId container, string identity)
    {
        var device = _disks.Next(Path, readOnly: false);
        var attached = new AttachedDevice(device, $"02/{device.Id}");
        _disks.RecordAttached(container, identity, device, attached);
        return attached;
    }
}
