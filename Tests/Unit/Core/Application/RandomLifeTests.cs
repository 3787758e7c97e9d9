using System.Net;
using CsCheck;
using FluentAssertions;
using Kata.Core.Application.Processes;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>Any requests in any order, with anything going wrong at any moment, keep the invariants.</summary>
public sealed class RandomLifeTests
{
    // The longest bound of a request is the behaviour's 90 s; a creation adds its undo.
    private static readonly TimeSpan LongestRequest = TimeSpan.FromSeconds(95);

    private static readonly string[] Programs = ["true", "false", "sleep", "cat", "hello", "nonsense", "flood",
        "daemon"];

    [Fact]
    public void Requests_and_faults_at_random_keep_the_invariants() =>
        Gen.Int[0, int.MaxValue].Sample(seed => Live(seed), iter: 200, threads: 2);

    private static void Live(int seed)
    {
        var random = new Random(seed);
        var pod = random.Next(2) == 0;
        var shim = new HarnessShim(FaultSchedule.Random(random, 3));
        shim.Stdio.ClientsRead = random.Next(4) != 0;
        shim.Programs["flood"] = async process =>
        {
            await process.WriteAsync(GuestStream.Stdout, new byte[200 * 1024]);
            return 9;
        };
        shim.Programs["daemon"] = process =>
        {
            process.LeavesStreamsOpen = true;
            return Task.FromResult(0);
        };
        for (var link = random.Next(3); link > 0; link--)
            shim.Network.Links.Add(Link(link));
        shim.Run(async () =>
        {
            var under = new List<Task>();
            if (random.Next(4) != 0)
            {
                await Bounded(
                    shim, () => shim.CreateAsync("pod", pod ? ContainerKind.PodSandbox : ContainerKind.Single));
                await Bounded(shim, () => shim.StartAsync("pod"));
            }

            for (var step = random.Next(4, 40); step > 0; step--)
            {
                var request = Step(shim, random, pod);
                if (random.Next(3) == 0)
                    under.Add(request);
                else
                    await request;
                if (random.Next(3) == 0)
                    await shim.Time.Delay(TimeSpan.FromMilliseconds(random.Next(1, 3000)));
            }

            await End(shim);
            await Task.WhenAll(under);
        });

        LifeInvariants.Hold(shim);
    }

    private static Task Relink(HarnessShim shim, Random random)
    {
        var number = random.Next(1, 5);
        if (shim.Network.Links.RemoveAll(link => link.Name == $"eth{number}") == 0)
            shim.Network.Links.Add(Link(number));
        shim.Network.Changed();
        return Task.CompletedTask;
    }

    private static GuestInterface Link(int number) => new()
    {
        Name = $"eth{number}",
        Mac = new MacAddress((ulong)number),
        Addresses = [new IpPrefix(IPAddress.Parse($"10.0.{number}.2"), 24)],
    };

    private static Task Step(HarnessShim shim, Random random, bool pod)
    {
        var container = pod && random.Next(4) != 0 ? $"c{random.Next(2)}" : "pod";
        var exec = random.Next(2) == 0 ? null : $"e{random.Next(2)}";
        var program = Programs[random.Next(Programs.Length)];
        var kind = container != "pod"
            ? ContainerKind.PodContainer
            : pod ? ContainerKind.PodSandbox : ContainerKind.Single;
        return random.Next(19) switch
        {
            0 or 1 or 2 =>
                Bounded(
                    shim,
                    () => shim.CreateAsync(
                        container, kind, program, stdin: random.Next(2) == 0, change: spec => spec with
                        {
                            Linux = spec.Linux! with { Resources = Limits(random) },
                        })),
            17 => Relink(shim, random),
            15 or 16 => Bounded(shim, () => shim.UpdateAsync(container, Limits(random))),
            3 or 4 => Bounded(shim, () => shim.StartAsync(container)),
            5 => Bounded(shim, () => shim.StartAsync(container, exec)),
            6 or 7 => Bounded(shim, () => shim.ExecAsync(container, exec ?? "e0", program)),
            8 =>
                Bounded(
                    shim,
                    () => shim.KillAsync(
                        container, exec, signal: random.Next(2) == 0 ? 9u : 15u, all: random.Next(4) == 0)),
            9 => Bounded(shim, () => shim.DeleteAsync(container, exec)),
            10 => Bounded(shim, () => shim.PauseAsync(container)),
            11 => Bounded(shim, () => shim.ResumeAsync(container)),
            12 => Bounded(shim, () => shim.CloseStdinAsync(container, exec)),
            13 => Bounded(shim, () => shim.StateAsync(container, exec)),
            14 => Bounded(shim, () => shim.ResizeAsync(container, 80, 24, exec)),
            _ =>
                random.Next(6) == 0
                    ? Bounded(shim, shim.StopAsync)
                    : Bounded(shim, () => shim.SendAsync(new ListProcesses(ContainerId.Parse(container)))),
        };
    }

    // None, small ones, ones that need several steps, and one that cannot be had.
    private static OciResources Limits(Random random) => random.Next(3) == 0 ? new OciResources() : new OciResources
    {
        Memory = new OciMemory { Limit = new[] { 0L, 100, 300, 1000, 7000, 100_000 }[random.Next(6)] * 1024 * 1024 },
        Cpu = new OciCpu
        {
            Quota = random.Next(-1, 3) * 100_000L,
            Period = 100_000,
            Cpus = random.Next(3) == 0 ? "0" : null
        },
    };

    // Every request ends within its bound, with a reply, a refusal, or the fault of a port that broke its word.
    private static async Task Bounded(HarnessShim shim, Func<Task> request)
    {
        var begin = shim.Time.Elapsed;
        try
        {
            await request();
        }
        catch (KataException)
        {
        }
        catch (Exception e)
            when (e is InvalidOperationException && e.Message.Contains("by the schedule", StringComparison.Ordinal))
        {
        }

        (shim.Time.Elapsed - begin).Should().BeLessThan(LongestRequest);
    }

    private static async Task End(HarnessShim shim)
    {
        // What was hung stays so; a disk that is full stays full.
        (await shim.ShutDownAsync(now: true)).Should().BeTrue();
        var begin = shim.Time.Elapsed;
        await shim.Ended;
        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(10));

        // A fault can strike the stop itself once; the next finds what is still written down.
        await Bounded(shim, shim.StopAsync);
        await Bounded(shim, shim.StopAsync);
        await Bounded(shim, shim.StopAsync);
        await Bounded(shim, shim.StopAsync);
    }
}
