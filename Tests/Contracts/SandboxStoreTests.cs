using FluentAssertions;
using Kata.Adapters.Guest.Cleanup;
using Kata.Adapters.Guest.State;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>The store of the harness.</summary>
public sealed class SandboxStoreHarnessTests : SandboxStoreContract
{
    private readonly HarnessHost _host = new();

    protected override IResourceReleaser Releaser => new HarnessReleaser(_host);

    protected override ISandboxStore NewShim() => new HarnessStore(_host);

    protected override void Kill(ISandboxStore store) => ((HarnessStore)store).Die();
}

/// <summary>The store on disk. Needs root, for the directory below /run.</summary>
[Trait("category", "real")]
public sealed class SandboxStoreRealTests : SandboxStoreContract
{
    protected override IResourceReleaser Releaser { get; } = new ResourceReleaser();

    protected override ISandboxStore NewShim() => new SandboxStore(Releaser);

    [Fact]
    public async Task Timeline_of_a_pod_whose_container_lives_again_and_again_keeps_the_beginning_and_the_end()
    {
        var shim = NewShim();
        await shim.ClaimAsync(Id, new SandboxOwner("tests", "/run/containerd.sock"), default);

        for (var life = 0; life < 5000; life++)
            shim.WritePhase(Id, ContainerId.Parse($"c{life}"), "agent", isEnd: false, TimeSpan.FromMilliseconds(life));

        var file = new FileInfo($"{SandboxPaths.State(Id)}/timeline.jsonl");
        var lines = File.ReadAllLines(file.FullName);
        file.Length.Should().BeLessThan(256 * 1024);
        lines[0].Should().Contain("\"c0\"");
        lines[^1].Should().Contain("\"c4999\"");
        lines.Should().OnlyContain(line => line.StartsWith('{') && line.EndsWith('}')).And.OnlyHaveUniqueItems();
        await shim.DeleteAsync(Id, default);
    }

    [Fact]
    public async Task Claim_when_the_clean_up_of_the_former_life_has_the_directory_for_a_moment_waits_for_it()
    {
        var directory = SandboxPaths.State(Id).Value;
        Directory.CreateDirectory(directory);
        var cleanUp = FileLock.TryAcquire(directory)!;
        var shim = NewShim();

        var claiming = shim.ClaimAsync(Id, new SandboxOwner("tests", "/run/containerd.sock"), default);
        Directory.Delete(directory);
        cleanUp.Dispose();

        (await claiming).Read().IsEmpty.Should().BeTrue();
        FileLock.IsHeld(directory).Should().BeTrue();
        await shim.DeleteAsync(Id, default);
    }

    // A process that another test spawns at this moment has the lock too, until it has become its program.
    protected override void Kill(ISandboxStore store)
    {
        ((SandboxStore)store).Dispose();
        SpinWait.SpinUntil(() => !FileLock.IsHeld(SandboxPaths.State(Id).Value), TimeSpan.FromSeconds(10))
            .Should().BeTrue();
    }
}
