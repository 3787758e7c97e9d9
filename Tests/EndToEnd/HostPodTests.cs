using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>Pods on a host with KVM, vhost-vsock and cgroup v2 alone: what `make run-pod` shows, there.</summary>
[Trait("category", "matrix")]
[Collection(HostTests.Name)]
public sealed class HostPodTests(HostLife life)
{
    // Everything of the host's side is emulated too.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    [MachineFact]
    public Task Pod_of_two_containers_serves_itself_and_the_host_and_leaves_nothing() => life.RunAsync(async host =>
    {
        var result = await host.RunAsync(
            $"TMPDIR=/var/lib KEEP_LOG=/run/pod.log {Repository.Root}/Apps/Shim/packaging/run-pod.sh", Limit);

        result.Exited(0).Stdout.Should().Contain("container  hello from shop")
            .And.Contain("host       hello from shop").And.Contain("stats      server")
            .And.Contain("host       unchanged");
    });
}
