namespace Kata.Core.Domain.Networking;

/// <summary>How a link of the namespace is connected to a NIC of the machine.</summary>
public enum InterworkingModel
{
    /// <summary>A tap, and traffic filters that send every frame over to the other side.</summary>
    TcFilter,

    /// <summary>A macvtap on the link.</summary>
    MacVtap,

    /// <summary>Not at all: the machine has no network.</summary>
    None,
}
