using System.Net;
using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="ISandboxNetwork"/> keeps to.</summary>
public abstract class SandboxNetworkContract : IAsyncLifetime
{
    protected static readonly MacAddress Mac0 = new(0x020000000010);
    protected static readonly MacAddress Mac1 = new(0x020000000011);

    private readonly List<ISandboxLinks> _open = [];

    protected HypervisorLedger Ledger { get; } = new();

    protected abstract ISandboxNetwork Network { get; }

    protected abstract IResourceReleaser Releaser { get; }

    /// <summary>The namespace in which the links are made.</summary>
    protected abstract NetworkNamespacePath Pod { get; }

    protected static CancellationToken Ct => new CancellationTokenSource(TimeSpan.FromSeconds(20)).Token;

    [Fact]
    public async Task Open_without_a_path_makes_a_namespace_that_is_written_down_and_can_be_released()
    {
        var sandbox = $"contract-{Guid.NewGuid():N}";

        var links = await OpenAsync(path: null, sandbox: sandbox);

        links.Namespace.Path.Value.Should().Be($"/run/netns/kata-{sandbox}");
        IsThere(links.Namespace).Should().BeTrue();
        Ledger.Read()
            .Held.Should().Equal(new AcquiredResource(ResourceKind.NetworkNamespace, links.Namespace.Path.Value));
        (await links.AttachAsync(Ct)).Devices.Should().BeEmpty();
        await links.DisposeAsync();
        await ReleaseAllAsync();
        IsThere(links.Namespace).Should().BeFalse();
    }

    [Fact]
    public async Task Attach_when_there_are_links_connects_each_of_them_once()
    {
        AddLink(Link("eth1", Mac1, 1400, "10.1.0.2/16"));
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24", "2001:db8::7/64"));
        var links = await OpenAsync(queues: 2);

        var plan = await links.AttachAsync(Ct);
        var again = await links.AttachAsync(Ct);

        plan.Devices.Select(nic => (nic.Id, nic.Mac, nic.Queues))
            .Should().Equal(("eth0", Mac0, 2), ("eth1", Mac1, 2));
        plan.Devices.Select(nic => nic.Tap).Should().OnlyHaveUniqueItems();
        plan.Guest.Interfaces.Should().BeEquivalentTo(
            [Link("eth0", Mac0, 1500, "192.0.2.7/24", "2001:db8::7/64"), Link("eth1", Mac1, 1400, "10.1.0.2/16")],
            options => options.ComparingByValue<IPAddress>().ComparingByValue<IpPrefix>());
        again.Devices.Should().BeEmpty();
        again.Guest.Interfaces.Should().BeEmpty();
        Ledger.Read().Held.Count(held => held.Kind == ResourceKind.Tap).Should().Be(2);
        await ReleaseAllAsync();
    }

    [Fact]
    public async Task Attach_when_a_link_came_later_answers_that_one_alone()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync();
        var first = await links.AttachAsync(Ct);
        AddLink(Link("eth1", Mac1, 1500, "10.1.0.2/16"));

        var second = await links.AttachAsync(Ct);

        second.Devices.Should().ContainSingle().Which.Mac.Should().Be(Mac1);
        second.Devices[0].Tap.Should().NotBe(first.Devices[0].Tap);
        second.Guest.Interfaces.Should().ContainSingle().Which.Name.Should().Be("eth1");
        await ReleaseAllAsync();
    }

    [Fact]
    public async Task Attach_when_the_model_is_none_leaves_the_links_alone()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync(model: InterworkingModel.None);

        (await links.AttachAsync(Ct)).Devices.Should().BeEmpty();

        Ledger.History.Should().BeEmpty();
    }

    [Fact]
    public async Task Detach_when_repeated_is_success_and_the_link_can_be_connected_again()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync();
        await links.AttachAsync(Ct);

        await links.DetachAsync(Mac0, Ct);
        await links.DetachAsync(Mac0, Ct);
        await links.DetachAsync(Mac1, Ct);

        Ledger.Read().IsEmpty.Should().BeTrue();
        (await links.AttachAsync(Ct)).Devices.Should().ContainSingle().Which.Mac.Should().Be(Mac0);
        await ReleaseAllAsync();
    }

    [Fact]
    public async Task Changes_tell_what_has_come_and_gone_and_end_with_the_links()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync();
        await links.AttachAsync(Ct);
        var changes = links.ChangesAsync(Ct).GetAsyncEnumerator();

        AddLink(Link("eth1", Mac1, 1500, "10.1.0.2/16"));
        var come = await UntilAsync(changes, change => change.HasNew);
        await links.AttachAsync(Ct);
        RemoveLink("eth0");
        var gone = await UntilAsync(changes, change => change.Gone.Count > 0);
        var end = changes.MoveNextAsync();
        await links.DisposeAsync();

        come.Guest.Interfaces.Should().ContainSingle().Which.Name.Should().Be("eth0");
        gone.Gone.Should().ContainSingle().Which.Mac.Should().Be(Mac0);
        gone.HasNew.Should().BeFalse();
        gone.Guest.Interfaces.Should().ContainSingle().Which.Name.Should().Be("eth1");
        (await EndsAsync(changes, end)).Should().BeTrue();
        await ReleaseAllAsync();
    }

    [Fact]
    public async Task Changes_begin_with_how_things_are()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync();
        await links.AttachAsync(Ct);
        var former = links.ChangesAsync(Ct).GetAsyncEnumerator();
        AddLink(Link("eth1", Mac1, 1500, "10.1.0.2/16"));
        await UntilAsync(former, change => change.HasNew);
        await former.DisposeAsync();

        // Nothing changes any more: what the former listener was told is not lost on this one.
        var changes = links.ChangesAsync(Ct).GetAsyncEnumerator();
        await changes.MoveNextAsync();

        changes.Current.HasNew.Should().BeTrue();
        changes.Current.Guest.Interfaces.Should().ContainSingle().Which.Name.Should().Be("eth0");
        await ReleaseAllAsync();
    }

    [Fact]
    public async Task Changes_end_with_the_token()
    {
        var links = await OpenAsync();
        using var stop = new CancellationTokenSource();
        var changes = links.ChangesAsync(stop.Token).GetAsyncEnumerator();
        var end = changes.MoveNextAsync();

        await stop.CancelAsync();

        (await EndsAsync(changes, end)).Should().BeTrue();
    }

    public virtual Task InitializeAsync() => Task.CompletedTask;

    public virtual async Task DisposeAsync()
    {
        foreach (var links in _open)
            await links.DisposeAsync();
    }

    protected static GuestInterface Link(string name, MacAddress mac, uint mtu, params string[] addresses) => new()
    {
        Name = name,
        Mac = mac,
        Mtu = mtu,
        Addresses = [.. addresses.Select(Prefix)],
    };

    protected static IpPrefix Prefix(string text) =>
        new(IPAddress.Parse(text.Split('/')[0]), int.Parse(text.Split('/')[1]));

    protected static NetworkNamespacePath PathOf(string path) => new(HostPath.Parse(path, "namespace"));

    protected abstract void AddLink(GuestInterface link);

    protected abstract void RemoveLink(string name);

    protected abstract bool IsThere(NetworkNamespacePath path);

    protected Task<ISandboxLinks> OpenAsync(InterworkingModel model = InterworkingModel.TcFilter, int queues = 1) =>
        OpenAsync(Pod, "contract", model, queues);

    protected async Task<ISandboxLinks> OpenAsync(
        NetworkNamespacePath? path, string sandbox = "contract", InterworkingModel model = InterworkingModel.TcFilter,
        int queues = 1)
    {
        var links = await Network.OpenAsync(path, new NetworkOptions(SandboxId.Parse(sandbox), model, queues), Ledger, Ct);
        _open.Add(links);
        return links;
    }

    /// <summary>As a teardown does it, each twice.</summary>
    protected async Task ReleaseAllAsync()
    {
        foreach (var resource in Ledger.Read().ReleaseOrder())
        {
            await Releaser.ReleaseAsync(resource, Ct);
            await Releaser.ReleaseAsync(resource, Ct);
            Ledger.Forget(resource);
        }
    }

    protected static Task<LinkChange> UntilAsync(IAsyncEnumerator<LinkChange> changes, Func<LinkChange, bool> wanted) =>
        UntilAsync(changes, change => Task.FromResult(wanted(change)));

    protected static async Task<LinkChange> UntilAsync(
        IAsyncEnumerator<LinkChange> changes, Func<LinkChange, Task<bool>> wanted)
    {
        while (await changes.MoveNextAsync())
        {
            if (await wanted(changes.Current))
                return changes.Current;
        }
        throw new InvalidOperationException("the changes ended");
    }

    // Changes that were on their way may still come first.
    private static async Task<bool> EndsAsync(IAsyncEnumerator<LinkChange> changes, ValueTask<bool> next)
    {
        while (await next)
            next = changes.MoveNextAsync();
        return true;
    }
}
