using System.Text;
using FluentAssertions;
using Kata.Core.Domain;
using Kata.Platform.Linux;
using Kata.Tests.Harness;
using Kata.Tests.Parity.AgentCalls;
using Xunit;

namespace Kata.Tests.Parity;

/// <summary>What upstream's shim was seen to do wrong, and ours does not.</summary>
public sealed class FaultsParityTests
{
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(5);

    /// <summary>Upstream's Create then waits for ever.</summary>
    [Fact]
    public void Create_when_the_vmm_exits_before_it_has_answered_fails_at_once_and_leaves_nothing() => HarnessShim.Run(
        async shim =>
        {
            var failure = (await shim.Invoking(s => s.CreateAsync("pod")).Should().ThrowAsync<KataException>()).Which;

            failure.Message.Should().Contain("launch-vmm").And.Contain("the VMM ended with signal 9");
            shim.Time.Elapsed.Should().BeLessThan(AtOnce);
            shim.Host.Leftovers().Should().BeEmpty();
        },
        new FaultSchedule(new Fault("hypervisor.handshake", 1, FaultKind.MachineDies)));

    [Fact]
    public void Create_when_the_vmm_never_answers_ends_with_its_deadline_and_leaves_nothing() => HarnessShim.Run(
        async shim =>
        {
            await shim.Invoking(s => s.CreateAsync("pod")).Should().ThrowAsync<KataException>()
                .Where(e => e.Kind == ErrorKind.DeadlineExceeded);

            shim.Time.Elapsed.Should().BeLessThan(shim.Settings.Settings.CreateContainerTimeout + AtOnce);
            shim.Host.Leftovers().Should().BeEmpty();
        },
        new FaultSchedule(new Fault("hypervisor.handshake", 1, FaultKind.Hang)));

    /// <summary>
    /// Upstream's then answers nothing any more: the client holds the fifo open while it waits for the answer.
    /// </summary>
    [Fact]
    public void CloseIO_when_the_client_holds_its_fifo_and_the_guest_takes_no_input_answers_and_blocks_nobody() =>
        SingleThread.Run(async () =>
    {
        await using var shim = new RecordedShim(new Recording("detached-exec-kill"), fifos: true);
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.ExecAsync("pod", "e1", ["cat"], stdin: true);
        using var client = Fifo.OpenBoth(shim.Fifo("pod-e1-in"));
        var cat = await shim.StartAsync("pod", "e1");
        shim.Agent.Hold("WriteStdin");
        await DescriptorIo.WriteAsync(client, "line\n"u8.ToArray());
        await shim.UntilAsync(() => shim.Agent.Calls.Any(call => call.Method == "WriteStdin"));

        await shim.CloseStdinAsync("pod", "e1").WaitAsync(AtOnce);
        await shim.LookAsync("pod").WaitAsync(AtOnce);
        await shim.StatsAsync("pod").WaitAsync(AtOnce);
        await shim.KillAsync("pod", 10).WaitAsync(AtOnce);
        cat.InputEnded.IsCompleted.Should().BeFalse();

        shim.Agent.Release("WriteStdin");
        client.Dispose();
        await cat.InputEnded.WaitAsync(AtOnce);
        Encoding.UTF8.GetString(cat.Input).Should().Be("line\n");
        cat.Exit(0);
        await shim.WaitAsync("pod", "e1");
        await shim.DeleteAsync("pod", "e1");
        await shim.KillAsync("pod", 9);
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");
        return true;
    });
}
