using System.Text;
using FluentAssertions;
using Kata.Apps.Agent.Boot;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public class ModuleListTests
{
    [Fact]
    public void Parse_keeps_the_order_and_names_each_once()
    {
        var paths = ModuleList.Parse("/m/b.ko\n\n# note\n/m/a.ko\n  /m/c.ko\r\n/m/b.ko\nrelative.ko\n");

        paths.Should().Equal("/m/b.ko", "/m/a.ko", "/m/c.ko");
    }

    [Theory]
    [InlineData("/m/virtio-rng.ko", "virtio_rng")]
    [InlineData("/m/overlay.ko.xz", "overlay")]
    [InlineData("/m/fuse", "fuse")]
    public void NameOf_is_the_kernels_name(string path, string name) => ModuleList.NameOf(path).Should().Be(name);

    [Fact]
    public void DependenciesOf_reads_the_modules_own_list()
    {
        var module = Encoding.ASCII.GetBytes("\u007fELF....\0license=GPL\0depends=fuse,virtio-ring\0retpoline=Y\0");

        ModuleList.DependenciesOf(module).Should().Equal("fuse", "virtio_ring");
    }

    [Theory]
    [InlineData("\0depends=\0")]
    [InlineData("no list at all")]
    public void DependenciesOf_when_there_is_none_is_empty(string text) =>
        ModuleList.DependenciesOf(Encoding.ASCII.GetBytes(text)).Should().BeEmpty();
}
