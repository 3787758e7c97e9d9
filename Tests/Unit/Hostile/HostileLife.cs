using System.Net;
using FluentAssertions;
using Kata.Core.Application.Containers;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Kata.Tests.Unit.Core.Application;
using Microsoft.Extensions.Logging;

namespace Kata.Tests.Unit.Hostile;

/// <summary>
/// A sandbox from its creation to its end, with requests by a seed and a <see cref="HostileAgent"/> of the same.
/// </summary>
internal sealed class HostileLife
{
    // As long as a request may take whatever goes wrong, with its undo.
    private static readonly TimeSpan LongestRequest = TimeSpan.FromSeconds(95);

    // From the answer to SIGKILL, or its refusal, to the end of what is killed.
    private static readonly TimeSpan LongestDeath = TimeSpan.FromSeconds(30);

    private readonly int _seed;
    private readonly Random _random;
    private readonly bool _pod;
    private int _requests;

    public HostileLife(int seed)
    {
        _seed = seed;
        _random = new Random(seed);
        _pod = _random.Next(2) == 0;
        HostileAgent? agent = null;
        Shim = new HarnessShim(connector: host => agent = new HostileAgent(seed, host));
        Agent = agent!;
        Shim.Stdio.ClientsRead = _random.Next(4) != 0;
        if (_random.Next(2) == 0)
        {
            Shim.Network.Links.Add(new GuestInterface
            {
                Name = "eth1",
                Mac = new MacAddress(1),
                Addresses = [new IpPrefix(IPAddress.Parse("10.0.1.2"), 24)],
            });
        }
    }

    /// <summary>The core.</summary>
    public HarnessShim Shim { get; }

    /// <summary>The guest.</summary>
    public HostileAgent Agent { get; }

    /// <summary>Lives it; <paramref name="beforeTheEnd"/> is called while all is still there.</summary>
    public void Run(Action? beforeTheEnd = null)
    {
        try
        {
            Shim.Run(async () =>
            {
                await LiveAsync();
                beforeTheEnd?.Invoke();
                await EndAsync();
            });
            LifeInvariants.Hold(Shim);
            HoldBounds();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"seed {_seed} ({Agent.Manner}): {e.Message}", e);
        }
    }

    private async Task LiveAsync()
    {
        await Bounded(
            () => Shim.CreateAsync(
                "pod", _pod ? ContainerKind.PodSandbox : ContainerKind.Single, stdin: _random.Next(2) == 0));
        await Bounded(() => Shim.StartAsync("pod"));
        var under = new List<Task>();
        for (var step = _random.Next(5, 25); step > 0; step--)
        {
            var request = Step();
            if (_random.Next(3) == 0)
                under.Add(request);
            else
                await request;
            if (_random.Next(3) == 0)
                await Shim.Time.Delay(
                    TimeSpan.FromMilliseconds(_random.Next(1, _random.Next(10) == 0 ? 60_000 : 3000)));
        }

        await Task.WhenAll(under);
    }

    private Task Step()
    {
        var container = _pod && _random.Next(3) != 0 ? $"c{_random.Next(2)}" : "pod";
        var exec = _random.Next(2) == 0 ? null : $"e{_random.Next(2)}";
        return _random.Next(15) switch
        {
            0 or 1 when _pod =>
                Bounded(() => Shim.CreateAsync(container, ContainerKind.PodContainer, stdin: _random.Next(2) == 0)),
            2 => Bounded(() => Shim.StartAsync(container)),
            3 or 4 => Bounded(() => Shim.StartAsync(container, exec)),
            5 or 6 =>
                Bounded(
                    () => Shim.ExecAsync(
                        container, exec ?? "e0", stdin: _random.Next(2) == 0, terminal: _random.Next(3) == 0)),
            7 =>
                Bounded(
                    () => Shim.KillAsync(container, exec, _random.Next(2) == 0 ? 9u : 15u, all: _random.Next(4) == 0)),
            8 => Bounded(() => Shim.DeleteAsync(container, exec)),
            9 => Bounded(() => Shim.PauseAsync(container)),
            10 => Bounded(() => Shim.ResumeAsync(container)),
            11 => Bounded(() => Shim.ResizeAsync(container, 80, 24, exec)),
            12 =>
                Bounded(
                    () => Shim.UpdateAsync(
                        container, new OciResources { Cpu = new OciCpu { Quota = 200_000, Period = 100_000 } })),
            13 => Bounded(() => WriteAsync(container, exec)),
            _ => Bounded(() => Shim.SendAsync(new GetContainerStats(ContainerId.Parse(container)))),
        };
    }

    private async Task WriteAsync(string container, string? exec)
    {
        if (!Shim.ClientOf(container, exec).Input.IsClosed)
            await Shim.ClientOf(container, exec)
                .Input.WriteAsync(new byte[_random.Next(1, 1000)], CancellationToken.None);
    }

    // As a manager ends it, or all at once.
    private async Task EndAsync()
    {
        if (_random.Next(2) == 0)
        {
            foreach (var id in _pod ? new[] { "c0", "c1", "pod" } : ["pod"])
                await EndAsync(id);
        }

        (await Shim.ShutDownAsync(now: true)).Should().BeTrue();
        var begin = Shim.Time.Elapsed;
        await Shim.Ended;
        (Shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(10));
    }

    private async Task EndAsync(string id)
    {
        if (!await Exists(id))
            return;
        await Bounded(() => Shim.KillAsync(id, all: true));
        var begin = Shim.Time.Elapsed;
        await Bounded(() => Shim.WaitAsync(id));
        (Shim.Time.Elapsed - begin).Should().BeLessThan(LongestDeath, "a guest has no veto on the end of {0}", id);
        if (await Bounded(() => Shim.DeleteAsync(id)))
            return;

        // One that ran past its bound before goes on behind its answer, and may have come first.
        var isDeleted = await Bounded(() => Shim.DeleteAsync(id)) || !await Exists(id);
        isDeleted.Should().BeTrue("the second deletion of {0} succeeds, or finds it gone", id);
    }

    private async Task<bool> Exists(string id) => await Bounded(() => Shim.StateAsync(id));

    // Every request ends within its bound, with a reply or a refusal. True for a reply.
    private async Task<bool> Bounded(Func<Task> request)
    {
        _requests++;
        var begin = Shim.Time.Elapsed;
        try
        {
            await request();
            return true;
        }
        catch (KataException)
        {
            return false;
        }
        finally
        {
            (Shim.Time.Elapsed - begin).Should().BeLessThan(LongestRequest);
        }
    }

    private void HoldBounds()
    {
        var seconds = (int)Shim.Time.Elapsed.TotalSeconds;

        // A boot and each request make some calls; after memory kills is asked once a second, as is again for what
        // found no room.
        Agent.Calls.Should().BeLessThanOrEqualTo(
            100 + (20 * _requests) + (10 * seconds), "the guest does not set the pace of the host");

        // What happens, happens because somebody has asked for it.
        Shim.Events.Told.Count.Should().BeLessThanOrEqualTo(
            10 + (6 * _requests), "the guest makes no events of its own");
        Shim.Events.Facts.OfType<ContainerOutOfMemory>().Count().Should().BeLessThanOrEqualTo(_requests);

        var lines = Shim.Log.Lines.Where(line => line.Level >= LogLevel.Information).ToList();
        lines.Count.Should().BeLessThanOrEqualTo(60 + (10 * _requests), "the guest fills no log");
        foreach (var (_, text) in Shim.Log.Lines)
        {
            text.Length.Should().BeLessThanOrEqualTo(6000);
            text.Should().NotContain("   at ", "no other failures than those that are told");
            text.Any(c => char.IsControl(c) || c == '\u202e')
                .Should().BeFalse("'{0}' goes to somebody's terminal", text);
        }
    }
}
