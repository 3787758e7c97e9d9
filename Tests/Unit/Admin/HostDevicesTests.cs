using FluentAssertions;
using Kata.Adapters.Guest.Assets;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Unit.Admin;

public class HostDevicesTests
{
    [Theory]
    [InlineData("/dev/null", true)]
    [InlineData("/dev/no-such-device", false)]
    [InlineData("/dev", false)]
    public void Device_can_be_opened_if_it_is_there(string path, bool expected) =>
        new HostDevices().CanOpen(HostPath.Parse(path, "device")).Should().Be(expected);
}
