using FluentAssertions;
using Kata.Core.Application;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>What dead shims left is released by hand where no container manager has it done.</summary>
public sealed class ReapTests
{
    private static readonly SandboxOwner Crio = new("default", "");

    private readonly HarnessHost _host;
    private readonly HarnessStore _store;
    private readonly HarnessSockets _sockets = new();

    public ReapTests()
    {
        _host = new HarnessHost(
            new FaultSchedule(new Fault("releaser.release", 1, FaultKind.Fail) { Error = ErrorKind.DeadlineExceeded }));
        _store = new HarnessStore(_host);
    }

    [Fact]
    public async Task Reap_when_only_looking_tells_what_the_dead_left_and_changes_nothing()
    {
        await LeaveAsync("dead", alive: false);
        await LeaveAsync("lives", alive: true);

        var reply = await ReapAsync(onlyLook: true);

        reply.Sandboxes.Select(sandbox => (sandbox.Id.Value, sandbox.Outcome))
            .Should().Equal(("dead", ReapOutcome.Left), ("lives", ReapOutcome.Lives));
        reply.Sandboxes[0].Held.Select(held => held.Name).Should().Equal("/dead/b", "/dead/a");
        _host.Held.Should().HaveCount(6);
        _sockets.Removed.Should().BeEmpty();
    }

    [Fact]
    public async Task Reap_releases_what_the_dead_left_goes_on_after_a_failure_and_can_be_repeated()
    {
        await LeaveAsync("dead", alive: false);
        await LeaveAsync("gone", alive: false);
        await LeaveAsync("lives", alive: true);

        // The host refuses the first release of all.
        var first = await ReapAsync(onlyLook: false);
        _store.Die();
        var second = await ReapAsync(onlyLook: false);

        first.Sandboxes.Select(sandbox => sandbox.Outcome)
            .Should().Equal(ReapOutcome.StillHeld, ReapOutcome.Released, ReapOutcome.Lives);
        first.Sandboxes[0].Reason.Should().Contain("/dead/b");
        second.Sandboxes.Select(sandbox => (sandbox.Id.Value, sandbox.Outcome))
            .Should().Equal(("dead", ReapOutcome.Released), ("lives", ReapOutcome.Lives));
        second.Sandboxes[0].Held.Select(held => held.Name).Should().Equal("/dead/b");
        _host.Held.Should().HaveCount(3).And.OnlyContain(held => held.Name.Contains("lives", StringComparison.Ordinal));
        _sockets.Removed.Should().BeEquivalentTo([(SandboxId.Parse("gone"), Crio), (SandboxId.Parse("dead"), Crio)]);
    }

    [Fact]
    public async Task Reap_when_there_is_nothing_says_so() =>
        (await ReapAsync(onlyLook: false)).Sandboxes.Should().BeEmpty();

    private async Task LeaveAsync(string name, bool alive)
    {
        var id = SandboxId.Parse(name);
        var ledger = _store.HoldByOther(id, Crio, alive);
        await _store.SaveAsync(new SandboxSnapshot { Sandbox = id, Owner = Crio, State = SandboxState.Ready }, default);
        _host.Take(ledger, ResourceKind.Mount, $"/{name}/a");
        _host.Take(ledger, ResourceKind.Cgroup, $"/{name}/b");
    }

    // As the administrator's tool has it: the ports of reaping and no others.
    private async Task<ReapSandboxesReply> ReapAsync(bool onlyLook)
    {
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<ISandboxStore>(_store)
            .AddSingleton<IResourceReleaser>(new HarnessReleaser(_host))
            .AddSingleton<ISandboxCgroup>(new HarnessCgroup(_host))
            .AddSingleton<IShimSockets>(_sockets)
            .AddAdministration()
            .BuildServiceProvider(validateScopes: true);
        return await services.GetRequiredService<ISender>().Send(new ReapSandboxes(onlyLook), default);
    }
}
