using FluentAssertions;
using Grpc.Core;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>A pod from its start to its removal.</summary>
public sealed class PodLifecycleTests(PodHost host) : PodTest(host)
{
    [Fact]
    public async Task Pod_from_run_to_removal_is_listed_as_it_is()
    {
        await using var pod = await Pod.RunAsync(Host, c => c.Labels["tier"] = "lifecycle");

        var status = await pod.StatusAsync();
        status.State.Should().Be(PodSandboxState.SandboxReady);
        status.Network.Ip.Should().StartWith("10.88.71.");
        status.RuntimeHandler.Should().BeOneOf("", PodHost.Handler);
        (await ListAsync(new PodSandboxFilter
        {
            State = Ready(PodSandboxState.SandboxReady),
            LabelSelector = { ["tier"] = "lifecycle" }
        }))
            .Should().Equal(pod.Id);
        (await ListAsync(new PodSandboxFilter { LabelSelector = { ["tier"] = "other" } })).Should().BeEmpty();

        await pod.StopAsync();
        await pod.StopAsync();

        (await pod.StatusAsync()).State.Should().Be(PodSandboxState.SandboxNotready);
        (await ListAsync(new PodSandboxFilter { Id = pod.Id, State = Ready(PodSandboxState.SandboxReady) }))
            .Should().BeEmpty();
        (await ListAsync(new PodSandboxFilter { Id = pod.Id })).Should().Equal(pod.Id);

        await pod.RemoveAsync();
        await pod.RemoveAsync();

        (await ListAsync(new PodSandboxFilter { Id = pod.Id })).Should().BeEmpty();
        (await FluentActions.Awaiting(pod.StatusAsync).Should().ThrowAsync<RpcException>())
            .Which.StatusCode.Should().Be(StatusCode.NotFound);
    }

    private static PodSandboxStateValue Ready(PodSandboxState state) => new() { State = state };

    private async Task<IEnumerable<string>> ListAsync(PodSandboxFilter filter) =>
        (await Host.Cri.Runtime.ListPodSandboxAsync(new ListPodSandboxRequest { Filter = filter }, CriClient.Call()))
            .Items.Select(p => p.Id);
}
