using FluentAssertions;
using Kata.Adapters.Guest.Cgroups;
using Kata.Adapters.Guest.Cleanup;
using Kata.Adapters.Guest.State;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="ISandboxCgroup"/> keeps to.</summary>
public abstract class SandboxCgroupContract
{
    private readonly HypervisorLedger _ledger = new();

    protected abstract ISandboxCgroup Cgroup { get; }

    protected abstract IResourceReleaser Releaser { get; }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public async Task Create_when_the_bundle_names_none_makes_none(string? path)
    {
        (await Cgroup.CreateAsync(path, _ledger, default)).Should().BeEmpty();
        _ledger.Read().IsEmpty.Should().BeTrue();
    }

    [Fact]
    public async Task Create_when_named_is_written_down_and_can_be_entered_left_and_released()
    {
        var made = await Cgroup.CreateAsync($"/contract-{Guid.NewGuid():N}/box", _ledger, default);

        made.Should().NotBeEmpty();
        _ledger.Read().Held.Select(held => held.Name).Should().Contain(made.Select(path => path.Value));
        _ledger.Read().Held.Should().OnlyContain(held => held.Kind == ResourceKind.Cgroup && held.Owner == null);
        await Cgroup.MoveAsync(made, Environment.ProcessId, default);
        await Cgroup.ApplyAsync(made, new OciResources(), default);
        await Cgroup.LeaveAsync(made, default);
        foreach (var resource in _ledger.Read().ReleaseOrder())
        {
            await Releaser.ReleaseAsync(resource, default);
            await Releaser.ReleaseAsync(resource, default);
            _ledger.Forget(resource);
        }

        IsThere(made[0].Value).Should().BeFalse();
    }

    [Fact]
    public async Task Leave_when_never_entered_is_success() => await Cgroup.LeaveAsync([], default);

    protected abstract bool IsThere(string directory);
}

/// <summary>The cgroup of the harness.</summary>
public sealed class SandboxCgroupHarnessTests : SandboxCgroupContract
{
    private readonly HarnessHost _host = new();

    public SandboxCgroupHarnessTests() => Cgroup = new HarnessCgroup(_host);

    protected override ISandboxCgroup Cgroup { get; }

    protected override IResourceReleaser Releaser => new HarnessReleaser(_host);

    protected override bool IsThere(string directory) => _host.Held.Any(held => held.Name == directory);
}

/// <summary>The host's cgroups. Needs root, and moves this process out and back.</summary>
[Trait("category", "real")]
public sealed class SandboxCgroupRealTests : SandboxCgroupContract
{
    protected override ISandboxCgroup Cgroup { get; } = new SandboxCgroup();

    protected override IResourceReleaser Releaser { get; } = new ResourceReleaser();

    [Fact]
    public async Task Release_when_two_sandboxes_share_a_parent_is_whole_with_the_last()
    {
        var parent = $"/contract-{Guid.NewGuid():N}";
        using var first = new SandboxStore(Releaser);
        using var second = new SandboxStore(Releaser);
        var (one, other) = (SandboxId.Parse($"c{Guid.NewGuid():N}"), SandboxId.Parse($"c{Guid.NewGuid():N}"));
        var ledgerOfOne = await first.ClaimAsync(one, new SandboxOwner("t", ""), default);
        var ledgerOfOther = await second.ClaimAsync(other, new SandboxOwner("t", ""), default);
        var made = await Cgroup.CreateAsync($"{parent}/one", ledgerOfOne, default);
        await Cgroup.CreateAsync($"{parent}/other", ledgerOfOther, default);

        await ReleaseAllAsync(ledgerOfOne);
        await first.DeleteAsync(one, default);
        await ReleaseAllAsync(ledgerOfOther);
        await second.DeleteAsync(other, default);

        IsThere(Path.GetDirectoryName(made[0].Value)!).Should().BeFalse();
    }

    [Fact]
    public async Task Threads_when_moved_leave_their_process_where_it_is()
    {
        var ledger = new HypervisorLedger();
        var made = await Cgroup.CreateAsync($"/contract-{Guid.NewGuid():N}", ledger, default);
        var thread = 0;
        using var ready = new ManualResetEventSlim();
        using var end = new ManualResetEventSlim();
        var running = new Thread(() =>
        {
            thread = int.Parse(
                Path.GetFileName(File.ResolveLinkTarget("/proc/thread-self", returnFinalTarget: false)!.FullName),
                System.Globalization.CultureInfo.InvariantCulture);
            ready.Set();
            end.Wait();
        });
        running.Start();
        ready.Wait();

        await Cgroup.MoveThreadsAsync(made, [thread], default);

        var holding = made.Where(
            path =>
                File.Exists($"{path}/tasks")
                    && File.ReadAllText($"{path}/tasks").Split('\n').Contains($"{thread}")).ToList();
        if (!Cgroup.IsUnified)
            holding.Should().Contain(path => path.Value.Contains("/cpu", StringComparison.Ordinal))
                .And.NotContain(path => path.Value.Contains("/memory", StringComparison.Ordinal));
        made.Should().OnlyContain(
            path =>
                !File.ReadAllText($"{path}/cgroup.procs").Split('\n').Contains($"{Environment.ProcessId}")
                    || holding.Contains(path));
        end.Set();
        running.Join();
        await ReleaseAllAsync(ledger);
    }

    [Fact]
    public async Task Memory_limit_is_the_lowest_of_those_around()
    {
        var ledger = new HypervisorLedger();
        var made = await Cgroup.CreateAsync($"/contract-{Guid.NewGuid():N}/inner", ledger, default);
        var before = Cgroup.MemoryLimit(made);
        var outer = made.Select(path => Path.GetDirectoryName(path.Value)!)
            .SelectMany(path => new[] { $"{path}/memory.max", $"{path}/memory.limit_in_bytes" })
                .FirstOrDefault(File.Exists);

        if (outer is not null)
            await File.WriteAllTextAsync(outer, "67108864");

        Cgroup.MemoryLimit(made).Should().Be(outer is null ? before : 67108864);
        await ReleaseAllAsync(ledger);
    }

    [Fact]
    public async Task Apply_binds_to_cpus_of_the_host_and_refuses_others_with_a_sentence()
    {
        var ledger = new HypervisorLedger();
        var made = await Cgroup.CreateAsync($"/contract-{Guid.NewGuid():N}", ledger, default);

        await Cgroup.ApplyAsync(made, new OciResources { Cpu = new OciCpu { Cpus = "0", Mems = "" } }, default);
        var refused = await Cgroup.Invoking(
            c =>
                c.ApplyAsync(made, new OciResources { Cpu = new OciCpu { Cpus = "4000" } },
                    default)).Should().ThrowAsync<KataException>();

        made.Select(path => $"{path}/cpuset.cpus").Where(File.Exists).Select(path => File.ReadAllText(path).Trim())
            .Should().Equal("0");
        refused.Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        refused.Which.Message.Should().Contain("4000");
        await ReleaseAllAsync(ledger);
    }

    protected override bool IsThere(string directory) => Directory.Exists(directory);

    private async Task ReleaseAllAsync(IResourceLedger ledger)
    {
        foreach (var resource in ledger.Read().ReleaseOrder())
        {
            await Releaser.ReleaseAsync(resource, default);
            ledger.Forget(resource);
        }
    }
}
