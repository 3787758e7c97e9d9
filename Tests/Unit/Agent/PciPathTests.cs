using FluentAssertions;
using Kata.Apps.Agent.Devices;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public sealed class PciPathTests : IDisposable
{
    private readonly string _devices = Directory.CreateTempSubdirectory("kata-pci-").FullName;

    public void Dispose() => Directory.Delete(_devices, recursive: true);

    [Fact]
    public void Locate_when_the_device_is_on_the_root_bus_finds_it()
    {
        var device = Make("pci0000:00/0000:00:1f.0");

        PciPath.Parse("1f").Locate(_devices).Should().Be(device);
    }

    [Fact]
    public void Locate_when_it_is_behind_bridges_follows_the_buses_that_they_have()
    {
        Make("pci0000:00/0000:00:02.0/pci_bus/0000:01");
        Make("pci0000:00/0000:00:02.0/0000:01:00.0/pci_bus/0000:07");
        var device = Make("pci0000:00/0000:00:02.0/0000:01:00.0/0000:07:03.1");

        PciPath.Parse("02/00/03.1").Locate(_devices).Should().Be(device);
    }

    [Fact]
    public void Locate_when_the_first_of_three_is_no_slot_takes_it_for_a_root_bus()
    {
        Make("pci0000:20/0000:20:00.0/pci_bus/0000:21");
        var device = Make("pci0000:20/0000:20:00.0/0000:21:02.0");

        PciPath.Parse("20/00/02").Locate(_devices).Should().Be(device);
    }

    [Fact]
    public void Locate_when_the_device_has_not_come_finds_nothing()
    {
        Make("pci0000:00/0000:00:02.0/pci_bus/0000:01");

        PciPath.Parse("02/03").Locate(_devices).Should().BeNull();
    }

    [Theory]
    [InlineData("")]
    [InlineData("20")]
    [InlineData("2g")]
    [InlineData("02/")]
    [InlineData("02/03.8")]
    [InlineData("../02")]
    [InlineData("002")]
    [InlineData("0000:00:02.0")]
    [InlineData("01/02/03/04/05/06/07/08/09")]
    public void Parse_when_it_is_no_path_of_slots_is_refused(string text) =>
        FluentActions.Invoking(() => PciPath.Parse(text)).Should().Throw<FormatException>();

    [Fact]
    public void OfSlots_gives_the_path_of_their_numbers() => PciPath.OfSlots([2, 30]).ToString().Should().Be("02/1e");

    private string Make(string path) => Directory.CreateDirectory(Path.Combine(_devices, path)).FullName;
}
