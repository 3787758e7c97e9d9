using Kata.Core.Domain.Storage;

namespace Kata.Core.Domain.Machines;

/// <summary>How the host reaches the agent.</summary>
public abstract record GuestEndpoint
{
    private protected GuestEndpoint()
    {
    }
}

/// <summary>AF_VSOCK of the host's kernel.</summary>
public sealed record VsockEndpoint(uint Cid, uint Port) : GuestEndpoint
{
    /// <inheritdoc/>
    public override string ToString() => $"vsock://{Cid}:{Port}";
}

/// <summary>A unix socket on which <c>CONNECT port</c> opens a VSOCK connection.</summary>
public sealed record HybridVsockEndpoint(HostPath Socket, uint Port) : GuestEndpoint
{
    /// <inheritdoc/>
    public override string ToString() => $"hvsock://{Socket}:{Port}";
}

/// <summary>A virtio-serial port behind a unix socket.</summary>
public sealed record SerialEndpoint(HostPath Socket) : GuestEndpoint
{
    /// <inheritdoc/>
    public override string ToString() => $"serial://{Socket}";
}

/// <summary>Which channel to the agent is wanted.</summary>
public enum GuestChannel
{
    /// <summary>The first that this host can: vhost-vsock, vhost-user VSOCK, virtio-serial.</summary>
    Auto,

    /// <summary>AF_VSOCK by the kernel's vhost-vsock.</summary>
    Vsock,

    /// <summary>VSOCK by a vhost-user daemon, hybrid handshake.</summary>
    VhostUserVsock,

    /// <summary>A virtio-serial port.</summary>
    Serial,
}
