using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>An exec whose streams do not open, or that the guest does not say it has started, leaves nothing.</summary>
public sealed class ExecLimitTests
{
    [Fact]
    public void Exec_whose_streams_do_not_open_is_refused_in_time_and_its_id_is_free() => HarnessShim.Run(async shim =>
    {
        await RunningAsync(shim);
        shim.Host.Faults.Add(new Fault("stdio.open", 2, FaultKind.Hang));
        var begin = shim.Time.Elapsed;

        var refusal = (await shim.Invoking(s => s.ExecAsync("pod", "e1")).Should().ThrowAsync<KataException>()).Which;

        refusal.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        refusal.Message.Should().Contain("exec e1 of container pod").And.Contain("60 s");
        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(70));
        await shim.ExecAsync("pod", "e1");
        await shim.StartAsync("pod", "e1");
    });

    [Fact]
    public void Exec_that_the_guest_does_not_answer_for_in_time_is_killed_there() => HarnessShim.Run(async shim =>
    {
        await RunningAsync(shim);
        await shim.ExecAsync("pod", "e1");
        shim.Host.Faults.Add(new Fault("agent.exec", 1, FaultKind.Hang));

        (await shim.Invoking(s => s.StartAsync("pod", "e1")).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.DeadlineExceeded);

        await shim.Time.Delay(TimeSpan.FromSeconds(1));
        shim.Host.Calls.Should().ContainInOrder("agent.exec", "agent.signal");
        (await shim.WaitAsync("pod", "e1")).Code.Should().NotBe(0);
    });

    private static async Task RunningAsync(HarnessShim shim)
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
    }
}
