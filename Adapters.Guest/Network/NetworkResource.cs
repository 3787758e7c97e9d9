using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Adapters.Guest.Network;

/// <summary>
/// What a ledger says of a tap or of a discipline on a link: <c>NAME INODE.COOKIE [RESTORE] PATH</c>. Names of links
/// hold neither spaces nor slashes nor colons, and the path comes last, so that each part is found again whatever the
/// names are.
/// </summary>
internal sealed record NetworkResource
{
    private const string FilterOnly = ":filter";

    /// <summary>The tap, or the link that the discipline is on.</summary>
    public required string Link { get; init; }

    /// <summary>The discipline was there before us: only our filter is to be taken away.</summary>
    public bool IsFilterOnly { get; init; }

    /// <summary>Which namespace, among those that are there at the same time.</summary>
    public required ulong Inode { get; init; }

    /// <summary>
    /// Which namespace, among all of the host's life: the kernel gives a new one the inode of one that is gone. 0 if
    /// not known.
    /// </summary>
    public required ulong Cookie { get; init; }

    public required NetworkNamespacePath Namespace { get; init; }

    /// <summary>What a link below a macvtap had before; null for others.</summary>
    public LinkRestore? Restore { get; init; }

    public AcquiredResource As(ResourceKind kind) => new(kind, ToString());

    public override string ToString()
    {
        var restore = Restore is null ? "" : $"{Restore} ";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Link}{(IsFilterOnly ? FilterOnly : "")} {Inode}.{Cookie} {restore}{Namespace.Path}");
    }

    public static NetworkResource Parse(AcquiredResource resource)
    {
        var parts = resource.Name.Split(' ', 3);
        var numbers = parts.Length < 3 ? [] : parts[1].Split('.');
        if (numbers.Length != 2
            || !ulong.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out var inode)
            || !ulong.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out var cookie))
        {
            throw new KataException(
                ErrorKind.Internal, $"the ledger names no {resource.Kind} of ours: {resource.Name}");
        }
        var isFilterOnly = parts[0].EndsWith(FilterOnly, StringComparison.Ordinal);
        LinkRestore? restore = null;
        var path = parts[2];
        if (!path.StartsWith('/'))
        {
            var end = path.IndexOf(' ', StringComparison.Ordinal);
            restore = end < 0 ? null : LinkRestore.TryParse(path[..end]);
            path = path[(end + 1)..];
        }

        return new NetworkResource
        {
            Link = isFilterOnly ? parts[0][..^FilterOnly.Length] : parts[0],
            IsFilterOnly = isFilterOnly,
            Inode = inode,
            Cookie = cookie,
            Namespace = new NetworkNamespacePath(HostPath.Parse(path, "network namespace")),
            Restore = restore,
        };
    }
}

/// <summary>A link's own address and addresses, as <c>NAME/MAC/ADDRESS-LENGTH/…</c>.</summary>
internal sealed record LinkRestore(string Link, PhysicalAddress Mac, IReadOnlyList<IpPrefix> Addresses)
{
    public override string ToString() => string.Join('/',
        [Link, Mac.ToString(),
            .. Addresses.Select(
                address => string.Create(CultureInfo.InvariantCulture, $"{address.Address}-{address.Length}"))]);

    public static LinkRestore? TryParse(string text)
    {
        var parts = text.Split('/');
        if (parts.Length < 2 || !PhysicalAddress.TryParse(parts[1], out var mac))
            return null;
        var addresses = new List<IpPrefix>();
        foreach (var part in parts.AsSpan(2))
        {
            var dash = part.LastIndexOf('-');
            if (dash < 0 || !IPAddress.TryParse(part[..dash], out var address)
                || !int.TryParse(part[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            {
                return null;
            }
            addresses.Add(new IpPrefix(address, length));
        }
        return new LinkRestore(parts[0], mac, addresses);
    }
}
