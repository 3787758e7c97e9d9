using System.Runtime.InteropServices;

namespace Kata.Platform.Linux.Netlink;

/// <summary>A queueing discipline of a link.</summary>
/// <param name="Index">The link.</param>
/// <param name="Kind">Such as <c>ingress</c>, <c>clsact</c>, <c>fq_codel</c>.</param>
/// <param name="Handle">Its own number.</param>
/// <param name="Parent">Where it hangs.</param>
public sealed record NetlinkQdisc(int Index, string Kind, uint Handle, uint Parent)
{
    /// <summary>Both sit on what comes in, and only one of them can be there.</summary>
    public bool IsOnIngress => Kind is "ingress" or "clsact";
}

/// <summary>A filter of a queueing discipline.</summary>
/// <param name="Index">The link.</param>
/// <param name="Kind">Such as <c>u32</c>, <c>bpf</c>.</param>
/// <param name="Handle">Its own number; 0 stands for all of its kind and priority.</param>
/// <param name="Parent">The discipline.</param>
/// <param name="Priority">The lower the earlier.</param>
/// <param name="Protocol">ETH_P_ number; 3 is all.</param>
/// <param name="RedirectsTo">The link to which an action of it sends the frames; 0 for none.</param>
public sealed record NetlinkFilter(
    int Index, string Kind, uint Handle, uint Parent, ushort Priority, ushort Protocol, int RedirectsTo);

/// <summary>Traffic control of what comes in on a link: <c>struct tcmsg</c> and its attributes.</summary>
public static class TrafficControl
{
    private const int SizeOfHeader = 20;
    private const uint TC_H_INGRESS = 0xFFFFFFF1;
    private const uint HandleOfIngress = 0xFFFF0000;
    private const uint ParentOfIngressFilters = 0xFFFFFFF2;
    private const ushort ETH_P_ALL = 3;
    private const ushort TCA_KIND = 1;
    private const ushort TCA_OPTIONS = 2;
    private const ushort TCA_U32_SEL = 5;
    private const ushort TCA_U32_ACT = 7;
    private const byte TC_U32_TERMINAL = 1;
    private const ushort TCA_ACT_KIND = 1;
    private const ushort TCA_ACT_OPTIONS = 2;
    private const ushort TCA_MIRRED_PARMS = 2;
    private const int SizeOfMirred = 28;
    private const int TC_ACT_STOLEN = 4;
    private const int TCA_EGRESS_REDIR = 1;

    /// <summary>Disciplines of a link; empty if there is no such link.</summary>
    public static IReadOnlyList<NetlinkQdisc> Qdiscs(this NetlinkSocket socket, int index)
    {
        // Not every kernel filters by link, so all are read.
        var all = socket.Dump<NetlinkQdisc>(
            Header(new NetlinkRequest(RouteTypes.RTM_GETQDISC, 0, "qdiscs"), 0, 0, 0, 0), TryRead);
        return [.. all.Where(qdisc => qdisc.Index == index)];
    }

    /// <summary>Puts an <c>ingress</c> or <c>clsact</c> discipline on a link; EEXIST if one of them is there.</summary>
    public static void AddIngress(this NetlinkSocket socket, int index, string link, string kind = "ingress") =>
        socket.Send(NewIngress(index, link, kind));

    /// <summary>
    /// Takes the discipline on a link's ingress away with its filters; false if there is none, or no such link.
    /// </summary>
    public static bool TryDeleteIngress(this NetlinkSocket socket, int index, string link) => socket.TrySend(
        Header(
            new NetlinkRequest(RouteTypes.RTM_DELQDISC, 0, $"ingress of {link}"), index, HandleOfIngress, TC_H_INGRESS,
            0),
        Errno.ENOENT, Errno.EINVAL, Errno.ENODEV);

    /// <summary>
    /// Filters on a link's ingress, whichever discipline holds them; empty if there is none, or no such link.
    /// </summary>
    public static IReadOnlyList<NetlinkFilter> IngressFilters(this NetlinkSocket socket, int index, string link)
    {
        try
        {
            return socket.Dump<NetlinkFilter>(
                Header(
                    new NetlinkRequest(RouteTypes.RTM_GETTFILTER, 0, $"filters of {link}"), index, 0,
                    ParentOfIngressFilters, 0), TryRead);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENODEV or Errno.EINVAL or Errno.ENOENT)
        {
            return [];
        }
    }

    /// <summary>
    /// Sends every frame that comes in on a link out of another one. The link has an ingress or clsact discipline.
    /// </summary>
    public static void AddRedirect(this NetlinkSocket socket, int from, string link, int to, ushort priority) =>
        socket.Send(NewRedirect(from, link, to, priority));

    /// <summary>Takes a filter away; false if it is gone already, or its link is.</summary>
    public static bool TryDeleteFilter(this NetlinkSocket socket, NetlinkFilter filter, string link) => socket.TrySend(
        Header(
            new NetlinkRequest(RouteTypes.RTM_DELTFILTER, 0, $"filter of {link}"), filter.Index, filter.Handle,
            filter.Parent,
            (uint)filter.Priority << 16 | NetlinkMessage.Network(filter.Protocol)).Attribute(TCA_KIND, filter.Kind),
        Errno.ENOENT, Errno.EINVAL, Errno.ENODEV);

    /// <summary>Reads a discipline; false for other messages and for damaged ones.</summary>
    public static bool TryRead(in NetlinkMessage message, out NetlinkQdisc qdisc)
    {
        qdisc = null!;
        if (message.Type is not (RouteTypes.RTM_NEWQDISC or RouteTypes.RTM_DELQDISC)
            || message.Body.Length < SizeOfHeader)
            return false;
        var kind = "";
        var attributes = new NetlinkAttributes(message.Body[SizeOfHeader..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == TCA_KIND)
                kind = attributes.Text();
        }
        qdisc = new NetlinkQdisc(
            MemoryMarshal.Read<int>(message.Body[4..]), kind, MemoryMarshal.Read<uint>(message.Body[8..]),
            MemoryMarshal.Read<uint>(message.Body[12..]));
        return !attributes.IsDamaged && kind.Length > 0;
    }

    /// <summary>Reads a filter; false for other messages and for damaged ones.</summary>
    public static bool TryRead(in NetlinkMessage message, out NetlinkFilter filter)
    {
        filter = null!;
        if (message.Type is not (RouteTypes.RTM_NEWTFILTER or RouteTypes.RTM_DELTFILTER)
            || message.Body.Length < SizeOfHeader)
            return false;
        var kind = "";
        var target = 0;
        var attributes = new NetlinkAttributes(message.Body[SizeOfHeader..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == TCA_KIND)
                kind = attributes.Text();
            else if (attributes.Type == TCA_OPTIONS && kind == "u32")
                target = ReadU32(ref attributes);
        }
        var info = MemoryMarshal.Read<uint>(message.Body[16..]);
        filter = new NetlinkFilter(
            MemoryMarshal.Read<int>(message.Body[4..]), kind, MemoryMarshal.Read<uint>(message.Body[8..]),
            MemoryMarshal.Read<uint>(message.Body[12..]),
            (ushort)(info >> 16), NetlinkMessage.Network((ushort)info), target);
        return !attributes.IsDamaged && kind.Length > 0;
    }

    internal static NetlinkRequest NewIngress(int index, string link, string kind) => Header(
        new NetlinkRequest(
            RouteTypes.RTM_NEWQDISC, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL, $"{kind} on {link}"),
        index, HandleOfIngress, TC_H_INGRESS, 0).Attribute(TCA_KIND, kind);

    internal static NetlinkRequest NewRedirect(int from, string link, int to, ushort priority)
    {
        // struct tc_u32_sel: flags, shift, number of keys, then offsets and a mask of zeros; one key of zeros matches
        // everything.
        var selector = new byte[32];
        selector[0] = TC_U32_TERMINAL;
        selector[2] = 1;

        // struct tc_mirred: index, capabilities, verdict, two counts, what to do, the other link.
        var mirred = new byte[SizeOfMirred];
        MemoryMarshal.Write(mirred.AsSpan(8), TC_ACT_STOLEN);
        MemoryMarshal.Write(mirred.AsSpan(20), TCA_EGRESS_REDIR);
        MemoryMarshal.Write(mirred.AsSpan(24), to);

        const ushort first = 1;
        return Header(
                new NetlinkRequest(
                    RouteTypes.RTM_NEWTFILTER, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL,
                    $"redirect from {link}"),
                from, 0, ParentOfIngressFilters, (uint)priority << 16 | NetlinkMessage.Network(ETH_P_ALL))
            .Attribute(TCA_KIND, "u32")
            .Nest(TCA_OPTIONS, options => options
                .Nest(TCA_U32_ACT, actions => actions
                    .Nest(first, action => action
                        .Attribute(TCA_ACT_KIND, "mirred")
                        .Nest(TCA_ACT_OPTIONS, parameters => parameters.Attribute(TCA_MIRRED_PARMS, mirred))))
                .Attribute(TCA_U32_SEL, selector));
    }

    private static int ReadU32(ref NetlinkAttributes outer)
    {
        var target = 0;
        var options = new NetlinkAttributes(outer.Value);
        while (options.MoveNext())
        {
            if (options.Type == TCA_U32_ACT)
                target = ReadActions(ref options);
        }
        outer.Judge(options);
        return target;
    }

    private static int ReadActions(ref NetlinkAttributes outer)
    {
        var target = 0;
        var actions = new NetlinkAttributes(outer.Value);
        while (actions.MoveNext())
        {
            var action = new NetlinkAttributes(actions.Value);
            var kind = "";
            while (action.MoveNext())
            {
                if (action.Type == TCA_ACT_KIND)
                    kind = action.Text();
                else if (action.Type == TCA_ACT_OPTIONS && kind == "mirred")
                    target = ReadMirred(ref action);
            }
            actions.Judge(action);
        }
        outer.Judge(actions);
        return target;
    }

    private static int ReadMirred(ref NetlinkAttributes outer)
    {
        var target = 0;
        var parameters = new NetlinkAttributes(outer.Value);
        while (parameters.MoveNext())
        {
            if (parameters.Type == TCA_MIRRED_PARMS && parameters.Value.Length >= SizeOfMirred)
                target = MemoryMarshal.Read<int>(parameters.Value[24..]);
        }
        outer.Judge(parameters);
        return target;
    }

    private static NetlinkRequest Header(NetlinkRequest request, int index, uint handle, uint parent, uint info)
    {
        Span<byte> header = stackalloc byte[SizeOfHeader];
        header.Clear();
        MemoryMarshal.Write(header[4..], index);
        MemoryMarshal.Write(header[8..], handle);
        MemoryMarshal.Write(header[12..], parent);
        MemoryMarshal.Write(header[16..], info);
        return request.Append(header);
    }
}
