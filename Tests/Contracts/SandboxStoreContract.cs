using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>
/// What every <see cref="ISandboxStore"/> keeps to, its <see cref="IResourceLedger"/> and the
/// <see cref="IResourceReleaser"/> included.
/// </summary>
public abstract class SandboxStoreContract
{
    private static readonly SandboxOwner Owner = new("tests", "/run/containerd.sock");
    private static readonly ContainerId Box = ContainerId.Parse("box");

    protected SandboxId Id { get; } = SandboxId.Parse($"contract-{Guid.NewGuid():N}");

    protected abstract IResourceReleaser Releaser { get; }

    /// <summary>The store as another shim process has it.</summary>
    protected abstract ISandboxStore NewShim();

    /// <summary>The shim that has this store dies.</summary>
    protected abstract void Kill(ISandboxStore store);

    [Fact]
    public async Task Claim_when_free_gives_an_empty_ledger()
    {
        var shim = NewShim();

        (await shim.ClaimAsync(Id, Owner, default)).Read().IsEmpty.Should().BeTrue();

        await shim.DeleteAsync(Id, default);
    }

    [Fact]
    public async Task Claim_when_another_shim_lives_is_refused_and_names_its_owner()
    {
        var first = NewShim();
        await first.ClaimAsync(Id, Owner, default);
        await first.SaveAsync(Snapshot(), default);
        var second = NewShim();

        var refusal = await second.Invoking(
            store =>
                store.ClaimAsync(Id, Owner with { Namespace = "others" },
                    default)).Should().ThrowAsync<KataException>();

        refusal.Which.Kind.Should().Be(ErrorKind.AlreadyExists);
        refusal.Which.Message.Should().Contain("namespace tests of /run/containerd.sock");
        (await first.LoadAsync(Id, default)).Should().NotBeNull();
        await first.DeleteAsync(Id, default);
    }

    [Fact]
    public async Task Claim_when_the_former_shim_is_dead_begins_anew()
    {
        var first = NewShim();
        (await first.ClaimAsync(Id, Owner, default))
            .Record(new AcquiredResource(ResourceKind.SocketFile, $"{SandboxPaths.State(Id)}/left.sock"));
        Kill(first);
        var second = NewShim();

        (await second.ClaimAsync(Id, Owner, default)).Read().IsEmpty.Should().BeTrue();

        await second.DeleteAsync(Id, default);
    }

    [Fact]
    public async Task TakeOver_when_nothing_is_there_finds_nothing() =>
        (await NewShim().TakeOverAsync(Id, default)).Should().Be(new TakeOver(false, null));

    [Fact]
    public async Task TakeOver_when_the_holder_lives_says_so_and_touches_nothing()
    {
        var first = NewShim();
        var ledger = await first.ClaimAsync(Id, Owner, default);
        ledger.Record(new AcquiredResource(ResourceKind.Mount, "/m"));

        (await NewShim().TakeOverAsync(Id, default)).Should().Be(new TakeOver(true, null));

        ledger.Read().Held.Should().ContainSingle();
        await first.DeleteAsync(Id, default);
    }

    [Fact]
    public async Task TakeOver_when_the_holder_is_dead_finds_what_it_held_in_order()
    {
        var first = NewShim();
        var ledger = await first.ClaimAsync(Id, Owner, default);
        ledger.Record(new AcquiredResource(ResourceKind.Directory, "/d"));
        ledger.Record(new AcquiredResource(ResourceKind.Process, "vmm"));
        ledger.Record(new AcquiredResource(ResourceKind.Mount, "/d/m") { Owner = Box });
        ledger.Record(new AcquiredResource(ResourceKind.Process, "vmm") { ProcessId = 7, StartTime = 8 });
        ledger.Record(new AcquiredResource(ResourceKind.Tap, "tap0"));
        ledger.Forget(new AcquiredResource(ResourceKind.Tap, "tap0"));
        Kill(first);
        var second = NewShim();

        var found = await second.TakeOverAsync(Id, default);

        found.HolderIsAlive.Should().BeFalse();
        found.Ledger!.Read().Held.Should().Equal(
            new AcquiredResource(ResourceKind.Directory, "/d"),
            new AcquiredResource(ResourceKind.Process, "vmm") { ProcessId = 7, StartTime = 8 },
            new AcquiredResource(ResourceKind.Mount, "/d/m") { Owner = Box });
        (await NewShim().TakeOverAsync(Id, default)).HolderIsAlive.Should().BeTrue();
        await second.DeleteAsync(Id, default);
    }

    [Fact]
    public async Task Look_tells_what_take_over_would_find_and_changes_nothing()
    {
        (await NewShim().LookAsync(Id, default)).Should().Be((false, null));
        var first = NewShim();
        var ledger = await first.ClaimAsync(Id, Owner, default);
        ledger.Record(new AcquiredResource(ResourceKind.Directory, "/d"));
        ledger.Record(new AcquiredResource(ResourceKind.Mount, "/d/m"));
        (await NewShim().ListAsync(default)).Should().Contain(Id);
        (await NewShim().LookAsync(Id, default)).HolderIsAlive.Should().BeTrue();
        Kill(first);

        for (var i = 0; i < 2; i++)
            (await NewShim().LookAsync(Id, default)).Held!.Select(held => held.Name).Should().Equal("/d/m", "/d");

        var next = NewShim();
        (await next.TakeOverAsync(Id, default)).Ledger!.Read().Held.Should().HaveCount(2);
        await next.DeleteAsync(Id, default);
        (await NewShim().ListAsync(default)).Should().NotContain(Id);
    }

    [Fact]
    public async Task Ledger_when_read_gives_a_copy()
    {
        var shim = NewShim();
        var ledger = await shim.ClaimAsync(Id, Owner, default);
        ledger.Record(new AcquiredResource(ResourceKind.Mount, "/m"));
        var before = ledger.Read();

        ledger.Forget(new AcquiredResource(ResourceKind.Mount, "/m"));
        ledger.Forget(new AcquiredResource(ResourceKind.Mount, "/never"));

        before.Held.Should().ContainSingle();
        ledger.Read().IsEmpty.Should().BeTrue();
        await shim.DeleteAsync(Id, default);
    }

    [Fact]
    public async Task Snapshot_when_saved_is_read_by_others_as_it_was()
    {
        var shim = NewShim();
        await shim.ClaimAsync(Id, Owner, default);
        (await NewShim().LoadAsync(Id, default)).Should().BeNull();

        await shim.SaveAsync(Snapshot(), default);
        await shim.SaveAsync(Snapshot() with { Containers = [ContainerId.Parse("a"), ContainerId.Parse("b")] }, default);

        (await NewShim().LoadAsync(Id, default)).Should().BeEquivalentTo(Snapshot() with { Containers = [ContainerId.Parse("a"), ContainerId.Parse("b")] });
        await shim.DeleteAsync(Id, default);
    }

    [Fact]
    public async Task Delete_when_done_leaves_nothing_and_again_is_success()
    {
        var shim = NewShim();
        await shim.ClaimAsync(Id, Owner, default);
        shim.WritePhase(Id, Box, "claim", true, TimeSpan.FromMilliseconds(1.5));

        await shim.DeleteAsync(Id, default);
        await shim.DeleteAsync(Id, default);

        (await NewShim().TakeOverAsync(Id, default)).Should().Be(new TakeOver(false, null));
        var next = NewShim();
        await next.ClaimAsync(Id, Owner, default);
        await next.DeleteAsync(Id, default);
    }

    [Fact]
    public void WritePhase_when_nothing_is_claimed_does_not_fail() =>
        NewShim().WritePhase(Id, Box, "bundle", false, TimeSpan.Zero);

    [Theory]
    [InlineData(ResourceKind.Process, "vmm")]
    [InlineData(ResourceKind.Mount, "/run/contract-no-such-mount")]
    [InlineData(ResourceKind.Directory, "/run/contract-no-such/directory")]
    [InlineData(ResourceKind.SocketFile, "/run/contract-no-such.sock")]
    [InlineData(ResourceKind.Cgroup, "/sys/fs/cgroup/kata_contract-no-such")]
    [InlineData(ResourceKind.NetworkNamespace, "/run/netns/contract-no-such")]
    public async Task Release_when_it_is_gone_already_is_success(ResourceKind kind, string name) =>
        await Releaser.ReleaseAsync(new AcquiredResource(kind, name), default);

    private SandboxSnapshot Snapshot() => new()
    {
        Sandbox = Id,
        Owner = Owner,
        State = SandboxState.Ready,
        VmmPid = 5,
        Hypervisor = "qemu",
        Choices = "kvm, because it opens",
        Containers = [ContainerId.Parse("a")],
    };
}
