using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>
/// A process that ends without ever having run has nobody who carries its streams: its client still sees their end, at
/// which alone some clients go on to the delete.
/// </summary>
public sealed class UnstartedStreamsTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    [Theory]
    [InlineData(ContainerKind.Single)]
    [InlineData(ContainerKind.PodSandbox)]
    public void Streams_of_a_created_container_when_it_is_killed_end(ContainerKind kind) =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", kind);

        await shim.KillAsync("pod");

        await StreamsEndAsync(shim, "pod");
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Streams_of_a_created_container_of_a_pod_when_it_is_killed_end() => HarnessShim.Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer);

        await shim.KillAsync("c1");

        await StreamsEndAsync(shim, "c1");
        shim.ClientOf("pod").EndOf(GuestStream.Stdout).IsCompleted.Should().BeFalse();
    });

    [Theory]
    [InlineData("deleted")]
    [InlineData("machine")]
    [InlineData("stop")]
    [InlineData("sandbox")]
    public void Streams_of_a_created_container_of_a_pod_end_with_what_ends_it(string how) =>
        HarnessShim.Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer);

        switch (how)
        {
            case "deleted": await shim.DeleteAsync("c1"); break;
            case "machine": shim.Host.Machine!.Die(new VmmEnd(null, 11)); break;
            case "stop": await shim.StopAsync(); break;
            default: await shim.KillAsync("pod"); break;
        }

        await StreamsEndAsync(shim, "c1");
    });

    [Theory]
    [InlineData("deleted")]
    [InlineData("killed")]
    [InlineData("exited")]
    [InlineData("machine")]
    [InlineData("stop")]
    public void Streams_of_an_exec_that_was_never_started_end_with_what_ends_it(string how) =>
        HarnessShim.Run(async shim =>
    {
        var ends = new TaskCompletionSource();
        shim.Programs["until-told"] = async process =>
        {
            await ends.Task.WaitAsync(process.Killed);
            return 0;
        };
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, "until-told");
        await shim.StartAsync("c1");
        await shim.ExecAsync("c1", "idle");

        switch (how)
        {
            case "deleted": await shim.DeleteAsync("c1", "idle"); break;
            case "killed": await shim.KillAsync("c1"); break;
            case "exited": ends.SetResult(); break;
            case "machine": shim.Host.Machine!.Die(new VmmEnd(null, 11)); break;
            default: await shim.StopAsync(); break;
        }

        await StreamsEndAsync(shim, "c1", "idle");
    });

    [Fact]
    public void Streams_when_a_link_that_came_late_is_refused_stay_until_the_client_kills_what_was_not_started() =>
        HarnessShim.Run(
        async shim =>
        {
            await shim.CreateAsync("pod");
            (await Refusal.OfAsync(() => shim.StartAsync("pod"))).Kind.Should().Be(ErrorKind.Internal);
            (await shim.StateAsync("pod")).Exit.Should().BeNull();

            await shim.KillAsync("pod");

            await StreamsEndAsync(shim, "pod");
            (await shim.DeleteAsync("pod")).Exit.Code.Should().Be(ExitStatus.Killed);
            shim.Host.Leftovers().Should().BeEmpty();
        },
        new FaultSchedule(new Fault("network.attach", 2, FaultKind.Fail)));

    [Theory]
    [InlineData("agent.start", FaultKind.Fail)]
    [InlineData("agent.start", FaultKind.MachineDies)]
    [InlineData("agent.start", FaultKind.ConnectionLost)]
    public void Streams_when_the_start_fails_end(string call, FaultKind kind) => HarnessShim.Run(
        async shim =>
        {
            await shim.CreateAsync("pod");

            await Refusal.OfAsync(() => shim.StartAsync("pod"));

            await StreamsEndAsync(shim, "pod");
        },
        new FaultSchedule(new Fault(call, 1, kind)));

    [Fact]
    public void Output_of_an_exec_when_the_init_ends_as_it_starts_is_still_taken() => HarnessShim.Run(async shim =>
    {
        var began = new TaskCompletionSource();
        shim.Programs["speak"] = async process =>
        {
            await process.PrintAsync("said\n");
            began.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, process.Killed);
            return 0;
        };
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.StartAsync("c1");
        await shim.ExecAsync("c1", "e", "speak", terminal: true);
        await shim.ResizeAsync("c1", 80, 24, "e");

        // The resize keeps the start from its end, and with it what carries the streams.
        var start = shim.StartAsync("c1", "e");
        await began.Task;
        await shim.KillAsync("c1");
        await shim.WaitAsync("c1", "e");
        await start;

        await shim.ClientOf("c1", "e").EndOf(GuestStream.Stdout).WaitAsync(Soon, shim.Time);
        shim.ClientOf("c1", "e").Output.Should().Be("said\n");
    }, new FaultSchedule(new Fault("agent.resize", 1, FaultKind.Slow)));

    private static async Task PodAsync(HarnessShim shim)
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
    }

    private static async Task StreamsEndAsync(HarnessShim shim, string id, string? exec = null)
    {
        await shim.ClientOf(id, exec).EndOf(GuestStream.Stdout).WaitAsync(Soon, shim.Time);
        await shim.ClientOf(id, exec).EndOf(GuestStream.Stderr).WaitAsync(Soon, shim.Time);
    }
}
