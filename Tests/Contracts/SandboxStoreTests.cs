using FluentAssertions;
using Kata.Adapters.Guest.Cleanup;
using Kata.Adapters.Guest.State;
using Kata.Core.Application.Ports;
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

    // A process that another test spawns at this moment has the lock too, until it has become its program.
    protected override void Kill(ISandboxStore store)
    {
        ((SandboxStore)store).Dispose();
        SpinWait.SpinUntil(() => !FileLock.IsHeld(SandboxPaths.State(Id).Value), TimeSpan.FromSeconds(10)).Should().BeTrue();
    }
}
