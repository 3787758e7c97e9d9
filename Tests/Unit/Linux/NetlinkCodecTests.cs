using System.Net;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using CsCheck;
using FluentAssertions;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Netlink;
using Xunit;

namespace Kata.Tests.Unit.Linux;

/// <summary>What we write is what we read, and bytes of any kind are read or refused, never more.</summary>
public class NetlinkCodecTests
{
    private static readonly Gen<string> Name = Gen.Char['a', 'z'].Array[1, 15].Select(chars => new string(chars));
    private static readonly Gen<PhysicalAddress> Mac = Gen.Byte.Array[6].Select(bytes => new PhysicalAddress(bytes));

    private static readonly Gen<NetlinkAddress> SomeAddress = Gen.Bool.SelectMany(v6 =>
        Gen.Select(
            Ip(v6), Gen.Int[1, int.MaxValue], Gen.Byte[0, (byte)(v6 ? 128 : 32)], Gen.Byte, Gen.UInt,
            (ip, index, length, scope, flags) =>
            new NetlinkAddress { Index = index, Address = ip, PrefixLength = length, Scope = scope, Flags = flags }));

    private static readonly Gen<NetlinkRoute> SomeRoute = Gen.Bool.SelectMany(v6 =>
        Gen.Select(
            Ip(v6), Gen.Byte[0, (byte)(v6 ? 128 : 32)], Gen.Bool.SelectMany(Ip), Ip(v6), Gen.Bool, Gen.Bool,
            Gen.UInt.Array[5])
            .Select((to, length, gateway, source, hasGateway, hasSource, numbers) => new NetlinkRoute
            {
                IsV6 = v6,
                Destination = length == 0 ? null : to,
                PrefixLength = length,
                Gateway = hasGateway ? gateway : null,
                Source = hasSource ? source : null,
                Index = (int)(numbers[0] >> 1),
                Scope = (byte)numbers[1],
                Table = numbers[1],
                Flags = numbers[2],
                Metric = numbers[3],
                Mtu = numbers[4],
            }));

    private static readonly Gen<NetlinkNeighbour> SomeNeighbour =
        Gen.Select(
            Gen.Bool.SelectMany(Ip), Mac, Gen.Int[1, int.MaxValue], Gen.UShort, Gen.Byte,
            (ip, mac, index, state, flags) =>
            new NetlinkNeighbour { Index = index, Address = ip, LinkAddress = mac, State = state, Flags = flags });

    [Fact]
    public void Address_when_written_is_read_back() => SomeAddress.Sample(address =>
        NetlinkAddress(AddressMessages.Replace(address)).Should().BeEquivalentTo(address, Exactly));

    [Fact]
    public void Route_when_written_is_read_back() => SomeRoute.Sample(route =>
        NetlinkRoute(RouteMessages.Replace(route)).Should().BeEquivalentTo(route, Exactly));

    [Fact]
    public void Neighbour_when_written_is_read_back() => SomeNeighbour.Sample(neighbour =>
        NetlinkNeighbour(NeighbourMessages.Replace(neighbour)) == neighbour);

    [Fact]
    public void Macvtap_when_written_is_read_back_as_a_link() =>
        Gen.Select(Name, Gen.Int[1, int.MaxValue], Gen.Int[1, int.MaxValue], Mac, Gen.UInt)
            .Sample((name, index, parent, mac, mtu) =>
            NetlinkLink(
                LinkMessages.Add(
                    new NewMacVtap(name, index, parent) { Address = mac, Mtu = mtu, TransmitQueueLength = mtu }))
            == new NetlinkLink
            {
                Name = name,
                Index = index,
                Parent = parent,
                Address = mac,
                Mtu = mtu,
                TransmitQueueLength = mtu,
                Kind = "macvtap"
            });

    [Fact]
    public void Settings_when_written_are_read_back_with_the_bits_they_change() =>
        Gen.Select(Name, Gen.Int[1, int.MaxValue], Mac, Gen.UInt, Gen.Bool, Gen.Bool)
            .Sample((name, index, mac, mtu, up, noArp) =>
        {
            var request = LinkMessages.Set(
                index, "old",
                new LinkSettings
                {
                    Name = name,
                    Address = mac,
                    Mtu = mtu,
                    Up = up,
                    NoArp = noArp,
                    NoOwnIpv6Address = true
                });

            var link = NetlinkLink(request)!;

            var mask = MemoryMarshal.Read<uint>(request.Finish(1)[(NetlinkMessage.HeaderSize + 12)..]);
            return link == new NetlinkLink
            {
                Name = name,
                Index = index,
                Address = mac,
                Mtu = mtu,
                Flags = (up ? 1u : 0) | (noArp ? 0x80u : 0),
            } && mask == 0x81;
        });

    [Fact]
    public void Redirect_when_written_is_read_back_as_a_filter() =>
        Gen.Select(Gen.Int[1, int.MaxValue], Gen.Int[1, int.MaxValue], Gen.UShort).Sample((from, to, priority) =>
            NetlinkFilter(TrafficControl.NewRedirect(from, "eth0", to, priority)) == new NetlinkFilter(
                from, "u32", 0, 0xFFFFFFF2, priority, 3, to));

    [Fact]
    public void Ingress_when_written_is_read_back_as_a_discipline() =>
        Gen.Select(Gen.Int[1, int.MaxValue], Gen.Bool.Select(both => both ? "clsact" : "ingress"))
            .Sample((index, kind) =>
            NetlinkQdisc(TrafficControl.NewIngress(index, "eth0", kind)) is { IsOnIngress: true } qdisc
            && qdisc == new NetlinkQdisc(index, kind, 0xFFFF0000, 0xFFFFFFF1));

    [Fact]
    public void Damaged_messages_are_read_or_refused_and_never_run_over()
    {
        var whole = Gen.OneOf(
            SomeAddress.Select(a => AddressMessages.Replace(a).Finish(1).ToArray()),
            SomeRoute.Select(r => RouteMessages.Replace(r).Finish(1).ToArray()),
            SomeNeighbour.Select(n => NeighbourMessages.Replace(n).Finish(1).ToArray()),
            Mac.Select(mac => LinkMessages.Add(new NewMacVtap("a", 1, 2) { Address = mac }).Finish(1).ToArray()),
            Gen.Int.Select(to => TrafficControl.NewRedirect(1, "a", to, 2).Finish(1).ToArray()));

        Gen.Select(whole, Gen.Select(Gen.Int[0, 400], Gen.Byte).Array[0, 6], Gen.Int[0, 200])
            .Sample((bytes, damages, cut) =>
        {
            foreach (var (at, value) in damages)
                bytes[at % bytes.Length] = value;
            ReadAll(bytes.AsSpan(0, Math.Max(0, bytes.Length - cut)));
        });
    }

    [Fact]
    public void Noise_is_read_or_refused_and_never_run_over() =>
        Gen.Select(
            Gen.Int[0, 7].Select(i => (ushort)((int[])[2, 3, 16, 20, 24, 28, 36, 44])[i]),
            Gen.Byte.Array[0, 300]).Sample((type, noise) =>
        {
            byte[] bytes = [.. BitConverter.GetBytes(16 + noise.Length), .. BitConverter.GetBytes(type),
                .. new byte[10], .. noise];

            ReadAll(bytes).Should().BeLessThanOrEqualTo(1);
            ReadAll(noise);
        });

    [Fact]
    public void Messages_in_one_datagram_are_taken_one_by_one()
    {
        var one = NeighbourMessages.Replace(new NetlinkNeighbour { Index = 1, Address = IPAddress.Loopback }).Finish(7)
            .ToArray();

        ReadAll([.. one, .. one, .. one]).Should().Be(3);
    }

    [Fact]
    public void Attribute_of_the_wrong_size_makes_the_message_unreadable()
    {
        var request = new NetlinkRequest(RouteTypes.RTM_NEWLINK, 0, "x").Append(new byte[16]).Attribute(3, "eth0")
            .Attribute(4, (byte)1);

        NetlinkLink(request).Should().BeNull();
    }

    [Fact]
    public void Route_with_several_ways_shows_them()
    {
        byte[] hop1 = [16, 0, 4, 0, .. BitConverter.GetBytes(7), 8, 0, 5, 0, 10, 0, 0, 1];
        byte[] hop2 = [8, 0, 0, 0, .. BitConverter.GetBytes(8)];
        var request = new NetlinkRequest(RouteTypes.RTM_NEWROUTE, 0, "x")
            .Append([2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]).Attribute(9, [.. hop1, .. hop2]);

        NetlinkRoute(request)!.Hops.Should().Equal(
            new NetlinkHop(7, IPAddress.Parse("10.0.0.1"), 4), new NetlinkHop(8, null, 0));
    }

    [Theory]
    [InlineData(0x300, 16)]
    [InlineData(0x200, 40)]
    public void Refusal_tells_the_number_and_the_words(int flags, int asked)
    {
        // With the request's header alone, or with the whole request, before the words.
        byte[] body = [.. BitConverter.GetBytes(-17), .. BitConverter.GetBytes(asked), .. new byte[asked - 4], 8, 0, 1,
            0, (byte)'n', (byte)'o', (byte)'!', 0];
        byte[] bytes = [.. BitConverter.GetBytes(16 + body.Length), 2, 0, .. BitConverter.GetBytes((ushort)flags),
            .. new byte[8], .. body];
        ReadOnlySpan<byte> rest = bytes;
        NetlinkMessage.TryTake(ref rest, out var message);

        var read = NetlinkSocket.TryReadError(message, out var errno, out var words);

        (read, errno, words).Should().Be((true, Errno.EEXIST, "no!"));
    }

    [Fact]
    public void Request_that_grows_too_long_is_refused_before_it_is_sent()
    {
        var request = new NetlinkRequest(RouteTypes.RTM_NEWLINK, 0, "x");

        var act = () => request.Attribute(1, new byte[NetlinkRequest.LongestMessage]);

        act.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.EMSGSIZE);
    }

    private static Gen<IPAddress> Ip(bool v6) => Gen.Byte.Array[v6 ? 16 : 4].Select(bytes => new IPAddress(bytes));

    /// <summary>Feeds a datagram to every reader; answers how many messages it held.</summary>
    private static int ReadAll(ReadOnlySpan<byte> bytes)
    {
        var count = 0;
        while (NetlinkMessage.TryTake(ref bytes, out var message))
        {
            count++;
            _ = LinkMessages.TryRead(message, out _);
            _ = AddressMessages.TryRead(message, out _);
            _ = RouteMessages.TryRead(message, out _);
            _ = NeighbourMessages.TryRead(message, out _);
            _ = TrafficControl.TryRead(message, out NetlinkQdisc _);
            _ = TrafficControl.TryRead(message, out NetlinkFilter _);
            _ = NetlinkSocket.TryReadError(message, out _, out _);
        }
        return count;
    }

    private static FluentAssertions.Equivalency.EquivalencyAssertionOptions<T> Exactly<T>(
        FluentAssertions.Equivalency.EquivalencyAssertionOptions<T> options) =>
        options.ComparingByValue<IPAddress>();

    private static NetlinkAddress? NetlinkAddress(NetlinkRequest request) =>
        AddressMessages.TryRead(Message(request), out var read) ? read : null;

    private static NetlinkRoute? NetlinkRoute(NetlinkRequest request) =>
        RouteMessages.TryRead(Message(request), out var read) ? read : null;

    private static NetlinkNeighbour? NetlinkNeighbour(NetlinkRequest request) =>
        NeighbourMessages.TryRead(Message(request), out var read) ? read : null;

    private static NetlinkLink? NetlinkLink(NetlinkRequest request) =>
        LinkMessages.TryRead(Message(request), out var read) ? read : null;

    private static NetlinkQdisc? NetlinkQdisc(NetlinkRequest request) =>
        TrafficControl.TryRead(Message(request), out NetlinkQdisc read) ? read : null;

    private static NetlinkFilter? NetlinkFilter(NetlinkRequest request) =>
        TrafficControl.TryRead(Message(request), out NetlinkFilter read) ? read : null;

    private static NetlinkMessage Message(NetlinkRequest request)
    {
        ReadOnlySpan<byte> bytes = request.Finish(1);
        NetlinkMessage.TryTake(ref bytes, out var message).Should().BeTrue();
        bytes.IsEmpty.Should().BeTrue();
        return message;
    }
}
