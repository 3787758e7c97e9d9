using FluentAssertions;
using Grpc.Core;
using Kata.Apps.Agent.Containers;
using Xunit;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Agent;

public sealed class NetworkSysctlsTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("sysctl-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("net.ipv4.ip_local_port_range", "net/ipv4/ip_local_port_range")]
    [InlineData("net/ipv4/ip_forward", "net/ipv4/ip_forward")]
    [InlineData("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding")]
    [InlineData("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding")]
    public void Apply_when_key_is_of_the_network_sets_it_and_takes_it_out(string key, string file)
    {
        var path = Path.Combine(_root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "");
        var linux = new Oci.Linux { Sysctl = { [key] = "1", ["kernel.msgmax"] = "2" } };

        NetworkSysctls.Apply(linux, _root);

        File.ReadAllText(path).Should().Be("1");
        linux.Sysctl.Keys.Should().Equal("kernel.msgmax");
    }

    [Theory]
    [InlineData("net/../kernel/core_pattern")]
    [InlineData("net//x")]
    [InlineData("net.")]
    [InlineData("net.no.such.parameter")]
    public void Apply_when_key_names_no_parameter_of_the_network_is_refused(string key)
    {
        var linux = new Oci.Linux { Sysctl = { [key] = "1" } };

        var apply = () => NetworkSysctls.Apply(linux, _root);

        apply.Should().Throw<RpcException>().Which.StatusCode.Should().Be(StatusCode.Internal);
        Directory.EnumerateFileSystemEntries(_root).Should().BeEmpty();
    }
}
