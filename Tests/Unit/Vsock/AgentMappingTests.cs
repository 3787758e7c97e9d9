using FluentAssertions;
using Kata.Adapters.Vsock.Agent;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Xunit;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Vsock;

/// <summary>A container's volumes and devices as the agent gets them.</summary>
public sealed class AgentMappingTests
{
    [Fact]
    public void Container_is_sent_with_its_storages_and_devices()
    {
        var message = AgentMapping.ToProto(new GuestContainerSpec
        {
            Id = ContainerId.Parse("box"),
            Oci = new OciSpec(),
            Devices = [new GuestDevice("blk", "02/01", "/dev/xvda")],
            Storages =
            [
                new GuestMount
                {
                    Driver = "blk", Source = "02/02", FsType = "ext4", MountPoint = GuestPath.Parse("/run/v", "p"),
                    Options = ["noatime"],
                    DriverOptions = ["create_filesystem"], Group = new VolumeGroup(3000, true), Shared = true,
                },
                new GuestMount
                {
                    Driver = "local",
                    Source = "local",
                    FsType = "local",
                    MountPoint = GuestPath.Parse("/run/l", "p")
                },
            ],
        });

        message.Devices.Should().Equal(new Proto.Device { Type = "blk", Id = "02/01", ContainerPath = "/dev/xvda" });
        message.Storages[0].Should().Be(new Proto.Storage
        {
            Driver = "blk",
            Source = "02/02",
            Fstype = "ext4",
            MountPoint = "/run/v",
            Options = { "noatime" },
            DriverOptions = { "create_filesystem" },
            Shared = true,
            FsGroup = new Proto.FSGroup
            {
                GroupId = 3000,
                GroupChangePolicy = Proto.FSGroupChangePolicy.OnRootMismatch
            },
        });
        message.Storages[1].FsGroup.Should().BeNull();
    }
}
