using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness;

/// <summary>Network namespaces in memory.</summary>
public sealed class HarnessNetwork(HarnessHost host) : ISandboxNetwork
{
    /// <summary>
    /// The links that the namespace of the sandbox has; a test may change them and then call <see cref="Changed"/>.
    /// </summary>
    public List<GuestInterface> Links { get; } = [];

    /// <summary>The routes of the namespace.</summary>
    public List<GuestRoute> Routes { get; } = [];

    /// <summary>The namespace that was opened last.</summary>
    public NetworkNamespacePath? Opened { get; private set; }

    internal Channel<bool> Changes { get; } = HarnessChannel.Unbounded<bool>();

    /// <summary>Tells whoever listens that links or routes are others now.</summary>
    public void Changed() => Changes.Writer.TryWrite(true);

    /// <inheritdoc/>
    public async Task<ISandboxLinks> OpenAsync(
        NetworkNamespacePath? path, NetworkOptions options, IResourceLedger ledger, CancellationToken ct)
    {
        await host.EnterAsync("network.open", ct);
        if (path is null)
        {
            path = new NetworkNamespacePath(HostPath.Parse($"/run/netns/kata-{options.Sandbox}", "namespace"));
            host.Take(ledger, ResourceKind.NetworkNamespace, path.Path.Value);
        }

        Opened = path;
        return new HarnessLinks(host, this, path, ledger, options);
    }
}

/// <summary>The links of a namespace in memory.</summary>
public sealed class HarnessLinks(
    HarnessHost host, HarnessNetwork network, NetworkNamespacePath path, IResourceLedger ledger,
    NetworkOptions options) : ISandboxLinks
{
    private readonly Dictionary<MacAddress, (NetworkDevice Nic, AcquiredResource Tap)> _connected = [];
    private readonly CancellationTokenSource _closed = new();
    private int _taps;

    /// <inheritdoc/>
    public NetworkNamespacePath Namespace => path;

    /// <inheritdoc/>
    public async Task<NetworkPlan> AttachAsync(CancellationToken ct)
    {
        await host.EnterAsync("network.attach", ct);
        if (_closed.IsCancellationRequested)
            throw new KataException(ErrorKind.Aborted, "the sandbox is being stopped");
        if (options.Model == InterworkingModel.None)
            return NetworkPlan.Empty;
        var fresh = network.Links.Where(link => !_connected.ContainsKey(link.Mac))
            .OrderBy(link => link.Name, StringComparer.Ordinal).ToList();
        if (fresh.Count == 0)
            return NetworkPlan.Empty;
        var nics = new List<NetworkDevice>();
        foreach (var link in fresh)
        {
            var tap = $"tap{_taps++}_kata";
            var held = host.Take(ledger, ResourceKind.Tap, $"{path.Path}|{tap}");
            var nic = new NetworkDevice(link.Name, tap, link.Mac, options.Queues);
            _connected.Add(link.Mac, (nic, held));
            nics.Add(nic);
        }

        return new NetworkPlan(nics, Spec(fresh));
    }

    /// <inheritdoc/>
    public async Task DetachAsync(MacAddress link, CancellationToken ct)
    {
        await host.EnterAsync("network.detach", ct);
        if (_connected.Remove(link, out var held))
            host.Release(ledger, held.Tap);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<LinkChange> ChangesAsync([EnumeratorCancellation] CancellationToken ct)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, _closed.Token);
        for (var isFirst = true; await LookAsync(isFirst, either.Token); isFirst = false)
        {
            yield return new LinkChange(
                [.. _connected.Values.Select(c => c.Nic).Where(nic => network.Links.All(link => link.Mac != nic.Mac))],
                network.Links.Any(link => !_connected.ContainsKey(link.Mac)),
                Spec([.. network.Links.Where(link => _connected.ContainsKey(link.Mac))]));
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _closed.Cancel();
        return ValueTask.CompletedTask;
    }

    /// <summary>False at the end.</summary>
    private async Task<bool> LookAsync(bool isFirst, CancellationToken ct)
    {
        try
        {
            if (!isFirst)
                await network.Changes.Reader.ReadAsync(ct);
            await host.EnterAsync("network.look", ct);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private GuestNetworkSpec Spec(IReadOnlyList<GuestInterface> links) => new()
    {
        Interfaces = links,
        Routes = [.. network.Routes.Where(route => links.Any(link => link.Name == route.Device))],
    };
}
