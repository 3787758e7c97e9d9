using FluentAssertions;
using Kata.Adapters.Guest.Cleanup;
using Kata.Adapters.Guest.Rootfs;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IRootfsMounter"/> keeps to.</summary>
public abstract class RootfsMounterContract
{
    private static readonly ContainerId Box = ContainerId.Parse("box");

    protected HypervisorLedger Ledger { get; } = new();

    protected abstract IRootfsMounter Mounter { get; }

    protected abstract IResourceReleaser Releaser { get; }

    /// <summary>A directory to work in.</summary>
    protected abstract string Folder { get; }

    private HostPath Target => HostPath.Parse($"{Folder}/target/rootfs", "target");

    /// <summary>A directory that is there, or one that is not.</summary>
    protected abstract HostPath Source(bool exists);

    [Fact]
    public async Task Mount_when_the_list_is_empty_binds_the_bundles_root_and_is_written_down_under_the_container()
    {
        await Mounter.MountAsync(Box, [], Source(exists: true), Target, false, Ledger, default);

        Ledger.Read().Held.Should().Contain(held => held.Kind == ResourceKind.Mount && held.Name == Target.Value);
        Ledger.Read().Held.Should().OnlyContain(held => held.Owner == Box);
        await ReleaseAsync();
    }

    [Fact]
    public async Task Mount_when_a_bind_is_listed_performs_it()
    {
        await Mounter.MountAsync(
            Box, [new MountSpec("bind", Source(exists: true).Value, "", ["rbind", "ro"])], Source(exists: true), Target, true, Ledger, default);

        Ledger.Read().IsEmpty.Should().BeFalse();
        await ReleaseAsync();
    }

    [Fact]
    public async Task Mount_when_it_fails_is_undone_and_struck_out()
    {
        var failure = await Mounter.Invoking(m => m.MountAsync(
            Box, [new MountSpec("bind", Source(exists: false).Value, "", ["rbind"])], Source(exists: true), Target, false, Ledger, default))
            .Should().ThrowAsync<KataException>();

        failure.Which.Message.Should().Contain("box");
        Ledger.Read().IsEmpty.Should().BeTrue();
    }

    [Fact]
    public async Task Mount_when_the_ledger_is_full_takes_nothing()
    {
        Ledger.IsFull = true;

        (await Mounter.Invoking(m => m.MountAsync(Box, [], Source(exists: true), Target, false, Ledger, default))
            .Should().ThrowAsync<KataException>()).Which.Kind.Should().Be(ErrorKind.ResourceExhausted);

        Ledger.History.Should().BeEmpty();
    }

    private async Task ReleaseAsync()
    {
        foreach (var resource in Ledger.Read().ReleaseOrder(Box))
        {
            await Releaser.ReleaseAsync(resource, default);
            Ledger.Forget(resource);
        }

        Ledger.Read().IsEmpty.Should().BeTrue();
    }
}

/// <summary>The mounter of the harness.</summary>
public sealed class RootfsMounterHarnessTests : RootfsMounterContract
{
    private readonly HarnessHost _host = new();

    public RootfsMounterHarnessTests() => Mounter = new HarnessRootfs(_host) { Missing = { "/missing" } };

    protected override IRootfsMounter Mounter { get; }

    protected override IResourceReleaser Releaser => new HarnessReleaser(_host);

    protected override string Folder => "/folder";

    protected override HostPath Source(bool exists) => HostPath.Parse(exists ? "/there" : "/missing", "source");
}

/// <summary>Real mounts. Needs root.</summary>
[Trait("category", "real")]
public sealed class RootfsMounterRealTests : RootfsMounterContract, IDisposable
{
    protected override IRootfsMounter Mounter { get; } = new RootfsMounter();

    protected override IResourceReleaser Releaser { get; } = new ResourceReleaser();

    protected override string Folder { get; } = Directory.CreateTempSubdirectory("rootfs").FullName;

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    protected override HostPath Source(bool exists)
    {
        var path = $"{Folder}/{(exists ? "there" : "missing")}";
        if (exists)
            Directory.CreateDirectory(path);
        return HostPath.Parse(path, "source");
    }
}
