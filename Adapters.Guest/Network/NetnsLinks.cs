using System.Runtime.CompilerServices;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Netlink;
using Polly;

namespace Kata.Adapters.Guest.Network;

/// <summary>The links of one namespace. What changes them takes turns.</summary>
internal sealed class NetnsLinks : ISandboxLinks
{
    /// <summary>
    /// Whoever sets up a link does so in several steps; one look after this time without any sees all of them.
    /// </summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(50);

    // A namespace that never rests, such as one whose neighbours come and go, is looked at all the same.
    private const int MaxWaits = 20;

    private const uint Heard = NetlinkGroups.Links | NetlinkGroups.AddressesV4 | NetlinkGroups.AddressesV6
        | NetlinkGroups.RoutesV4 | NetlinkGroups.RoutesV6 | NetlinkGroups.Neighbours;

    private readonly NetworkNamespaceFile _file;
    private readonly NetworkOptions _options;
    private readonly IResourceLedger _ledger;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline _whileBusy;
    private readonly NetlinkSocket _socket;
    private readonly NetlinkSocket _listener;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _closed = new();
    private readonly List<ConnectedLink> _connected = [];

    // The links of before the launch are connected: whoever makes one from now on may still be at it.
    private bool _isLate;

    private NetnsLinks(
        NetworkNamespaceFile file, NetworkOptions options, IResourceLedger ledger, TimeProvider time,
        NetlinkSocket socket, NetlinkSocket listener)
    {
        _file = file;
        _options = options;
        _ledger = ledger;
        _time = time;
        // The kernel says busy while another change of the same link is under way.
        _whileBusy = Retries.Build(
            "links-busy", time, 4, TimeSpan.FromMilliseconds(10),
            static e => e is LinuxException { Errno: Errno.EBUSY }, DelayBackoffType.Linear);
        _socket = socket;
        _listener = listener;
    }

    public NetworkNamespacePath Namespace => _file.Path;

    /// <summary>Takes the namespace over; it is closed with the links.</summary>
    public static Task<NetnsLinks> OpenAsync(
        NetworkNamespaceFile file, NetworkOptions options, IResourceLedger ledger, TimeProvider time) =>
        file.RunAsync(() =>
        {
            // Before the first look, so that no change falls between the two.
            var listener = NetlinkSocket.OpenListener(Heard);
            try
            {
                return new NetnsLinks(file, options, ledger, time, NetlinkSocket.Open(), listener);
            }
            catch
            {
                listener.Dispose();
                throw;
            }
        });

    public async Task<NetworkPlan> AttachAsync(CancellationToken ct)
    {
        if (_options.Model == InterworkingModel.None)
            return NetworkPlan.Empty;
        await _turn.WaitAsync(ct);
        try
        {
            if (_closed.IsCancellationRequested)
                throw new KataException(
                    ErrorKind.Aborted,
                    $"the links of {Namespace.Path} cannot be connected: the sandbox is being stopped");
            var plan = await _whileBusy.ExecuteAsync(async _ => await _file.RunAsync(Attach), ct);
            _isLate = true;
            return plan;
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"connecting the links of {Namespace.Path}");
        }
        finally
        {
            _turn.Release();
        }
    }

    public async Task DetachAsync(MacAddress link, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            // Of what is closed the ledger takes care.
            if (_closed.IsCancellationRequested
                || _connected.Find(connected => connected.Nic.Mac == link) is not { } found)
                return;
            await _file.RunAsync(() =>
            {
                GiveBack(found.Held);
                return true;
            });
            _connected.Remove(found);
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"disconnecting the NIC {link}");
        }
        finally
        {
            _turn.Release();
        }
    }

    public async IAsyncEnumerable<LinkChange> ChangesAsync([EnumeratorCancellation] CancellationToken ct)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, _closed.Token);
        for (var isFirst = true; await NextAsync(isFirst, either.Token) is { } change; isFirst = false)
            yield return change;
    }

    public async ValueTask DisposeAsync()
    {
        if (_closed.IsCancellationRequested)
            return;
        await _closed.CancelAsync();
        // Whoever is in its turn ends it first: the descriptors are in use until then.
        await _turn.WaitAsync();
        _listener.Dispose();
        _socket.Dispose();
        _file.Dispose();
        _turn.Release();
    }

    /// <summary>The next change; null at the end.</summary>
    private async Task<LinkChange?> NextAsync(bool isFirst, CancellationToken ct)
    {
        try
        {
            while (!_listener.Drain() && !isFirst)
                await _listener.WaitAsync(ct);
            if (!isFirst)
                await RestAsync(ct);
            await _turn.WaitAsync(ct);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            return null;
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"listening to {Namespace.Path}");
        }

        try
        {
            if (_closed.IsCancellationRequested)
                return null;
            var now = NetworkSnapshot.Read(_socket);
            FollowMtu(now);
            return Compare(now);
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"reading the links of {Namespace.Path}");
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task RestAsync(CancellationToken ct)
    {
        for (var waits = 0; waits < MaxWaits; waits++)
        {
            await Task.Delay(Quiet, _time, ct);
            if (!_listener.Drain())
                return;
        }
    }

    /// <summary>A tap takes frames as long as those of its link.</summary>
    private void FollowMtu(NetworkSnapshot now)
    {
        foreach (var connected in _connected)
        {
            if (now.Links.FirstOrDefault(link => link.Index == connected.Index) is { } link
                && now.Links.FirstOrDefault(tap => tap.Name == connected.Nic.Tap
                    && LinkSelection.IsOurs(tap)) is { Kind: "tun" } tap
                && tap.Mtu != link.Mtu)
            {
                _socket.SetLink(tap.Index, tap.Name, new LinkSettings { Mtu = link.Mtu });
            }
        }
    }

    private LinkChange Compare(NetworkSnapshot now)
    {
        var gone = _connected.Where(connected => now.Links.All(link => link.Index != connected.Index)).ToList();
        return new LinkChange(
            [.. gone.Select(connected => connected.Nic)],
            _options.Model != InterworkingModel.None
                && LinkSelection.Candidates(now, _isLate)
                    .Any(link => _connected.All(connected => connected.Index != link.Index)),
            GuestNetworkBuilder.Build(
                [.. _connected.Except(gone).Select(connected => (connected.Index, connected.Nic,
                    connected.Kept ?? now))]));
    }

    private NetworkPlan Attach()
    {
        var now = NetworkSnapshot.Read(_socket);
        var candidates = LinkSelection.Candidates(now, _isLate);
        var fresh = candidates.Where(link => _connected.All(connected => connected.Index != link.Index)).ToList();
        if (fresh.Count == 0 && _connected.Count > 0)
            return NetworkPlan.Empty;
        foreach (var link in fresh)
            LinkSelection.Require(link, one => LinkDriver.TryRead(one.Name)?.Bus ?? "");
        // A link below a macvtap of ours shows neither its address nor its addresses any more, but the kernel may have
        // given it one.
        LinkSelection.RequireConsistent(
            [
                .. candidates.UnionBy(
                    now.Links.Where(
                        link =>
                            _connected.Any(connected => connected.Kept is not null
                                && connected.Index == link.Index)), link => link.Index),
            ],
            now);
        foreach (var link in fresh)
        {
            if (_connected.Find(connected => connected.Nic.Mac == LinkSelection.MacOf(link)) is { } same)
                throw new KataException(
                    ErrorKind.InvalidArgument,
                    $"link {link.Name} has the link-layer address {same.Nic.Mac} of NIC {same.Nic.Id}");
        }

        var added = new List<ConnectedLink>();
        try
        {
            foreach (var link in fresh)
            {
                var connected = new ConnectedLink(link.Index, NicFor(link, [.. _connected, .. added]));
                added.Add(connected);
                Connect(link, connected, now);
            }
        }
        catch
        {
            foreach (var connected in Enumerable.Reverse(added))
                GiveBack(connected.Held);
            throw;
        }

        _connected.AddRange(added);
        return new NetworkPlan(
            [.. added.Select(connected => connected.Nic)],
            GuestNetworkBuilder.Build(
                [.. added.Select(connected => (connected.Index, connected.Nic, connected.Kept ?? now))]));
    }

    private void Connect(NetlinkLink link, ConnectedLink connected, NetworkSnapshot now)
    {
        if (link.Kind == "macvtap")
        {
            UseCharacterDevice(connected, link.Index);
            return;
        }

        RemoveLeftover(link);
        var tap = new NetworkResource
        {
            Link = connected.Nic.Tap,
            Inode = _file.Inode,
            Cookie = _socket.NamespaceCookie,
            Namespace = Namespace
        };
        // A macvtap takes the link's addresses, without which whoever is still at work on a late one could set no
        // route.
        if (_options.Model == InterworkingModel.MacVtap && !_isLate && !LinkSelection.NeedsTrafficFilter(link))
        {
            Take(connected, (tap with { Restore = MacVtapDevice.RestoreOf(link, now) }).As(ResourceKind.Tap));
            connected.Kept = now.Of(link.Index);
            UseCharacterDevice(connected, MacVtapDevice.Make(_socket, connected.Nic.Tap, link, now));
            return;
        }

        var hasIngress = TrafficMirror.HasIngress(_socket, link.Index);
        Take(connected, tap.As(ResourceKind.Tap));
        var made = TapDevice.Make(_socket, connected.Nic.Tap, connected.Nic.Queues, link.Mtu);
        Take(connected, (tap with { Link = link.Name, IsFilterOnly = hasIngress }).As(ResourceKind.Qdisc));
        TrafficMirror.Connect(_socket, link, made, hasIngress);
    }

    private void UseCharacterDevice(ConnectedLink connected, int index)
    {
        var path = MacVtapDevice.PathOf(index);
        if (!File.Exists(path.Value))
        {
            Take(connected, new AcquiredResource(ResourceKind.SocketFile, path.Value));
            MacVtapDevice.MakeNode(index);
        }
        connected.Nic = connected.Nic with { CharacterDevice = path };
    }

    /// <summary>
    /// A link may still be connected to a tap that nobody uses any more; one that is in use belongs to another machine.
    /// </summary>
    private void RemoveLeftover(NetlinkLink link)
    {
        // A tap has a carrier as long as somebody has it open; IFF_RUNNING follows later.
        const uint lowerUp = 0x10000;
        if (TrafficMirror.TargetOf(_socket, link) is not { } target)
            return;
        var tap = _socket.Links().FirstOrDefault(other => other.Index == target);
        if (tap is not null && (tap.Flags & lowerUp) != 0)
            throw new KataException(
                ErrorKind.InvalidArgument,
                $"link {link.Name} is connected to {tap.Name} of another machine, "
                + "and two machines cannot share a link");
        TrafficMirror.Disconnect(_socket, link, filterOnly: true);
        if (tap is not null && LinkSelection.IsOurs(tap))
            _socket.TryDeleteLink(tap.Index, tap.Name);
    }

    private NetworkDevice NicFor(NetlinkLink link, IReadOnlyList<ConnectedLink> others)
    {
        var taken = _socket.Links().Select(other => other.Name).Concat(others.Select(other => other.Nic.Tap))
            .ToHashSet();
        var number = Enumerable.Range(0, int.MaxValue).First(n => !taken.Contains(LinkSelection.TapName(n)));
        // VMMs are particular about the characters of ids.
        var isPlain = char.IsAsciiLetter(link.Name[0])
            && link.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
        var id = isPlain && others.All(other => other.Nic.Id != link.Name) ? link.Name : $"link{link.Index}";
        return new NetworkDevice(
            id, link.Kind == "macvtap" ? link.Name : LinkSelection.TapName(number), LinkSelection.MacOf(link)!.Value,
            Math.Max(1, _options.Queues));
    }

    private void Take(ConnectedLink connected, AcquiredResource resource)
    {
        _ledger.Record(resource);
        connected.Held.Add(resource);
    }

    /// <summary>Last taken first; each is struck out as soon as it is gone.</summary>
    private void GiveBack(List<AcquiredResource> held)
    {
        for (var i = held.Count - 1; i >= 0; i--)
        {
            if (held[i].Kind == ResourceKind.SocketFile)
                File.Delete(held[i].Name);
            else
                NetworkRelease.Release(_socket, held[i].Kind, NetworkResource.Parse(held[i]));
            _ledger.Forget(held[i]);
            held.RemoveAt(i);
        }
    }

    /// <summary>A link with its NIC, and what is held for it.</summary>
    private sealed class ConnectedLink(int index, NetworkDevice nic)
    {
        public int Index { get; } = index;

        public NetworkDevice Nic { get; set; } = nic;

        public List<AcquiredResource> Held { get; } = [];

        /// <summary>What the link was like before a macvtap took everything from it; null if it still tells.</summary>
        public NetworkSnapshot? Kept { get; set; }
    }
}
