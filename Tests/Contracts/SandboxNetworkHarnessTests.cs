using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Tests.Harness;

namespace Kata.Tests.Contracts;

/// <summary>The network of the harness.</summary>
public sealed class SandboxNetworkHarnessTests : SandboxNetworkContract
{
    private readonly HarnessHost _host = new();
    private readonly HarnessNetwork _network;

    public SandboxNetworkHarnessTests() => _network = new HarnessNetwork(_host);

    protected override ISandboxNetwork Network => _network;

    protected override IResourceReleaser Releaser => new HarnessReleaser(_host);

    protected override NetworkNamespacePath Pod { get; } = PathOf("/run/netns/pod");

    protected override void AddLink(GuestInterface link)
    {
        _network.Links.Add(link);
        _network.Changed();
    }

    protected override void RemoveLink(string name)
    {
        _network.Links.RemoveAll(link => link.Name == name);
        _network.Changed();
    }

    protected override bool IsThere(NetworkNamespacePath path) => _host.Held.Any(held => held.Name == path.Path.Value);
}
