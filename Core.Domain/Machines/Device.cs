using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Domain.Machines;

/// <summary>A device of a machine; the closed set of what we attach.</summary>
public abstract record Device
{
    private protected Device()
    {
    }
}

/// <summary>A directory of the host, served by a vhost-user file daemon.</summary>
/// <param name="Socket">The daemon's socket.</param>
/// <param name="Tag">The name by which the guest mounts it.</param>
/// <param name="QueueSize">Entries of the request queue.</param>
/// <param name="DaxWindowMib">Size of the DAX window in MiB; 0 for none.</param>
public sealed record SharedDirectoryDevice(HostPath Socket, string Tag, int QueueSize, int DaxWindowMib) : Device;

/// <summary>A file or block device of the host.</summary>
public sealed record BlockDevice(string Id, HostPath Path, bool ReadOnly) : Device;

/// <summary>A tap of the host as a virtio NIC.</summary>
/// <param name="Id">Its name, unique in the machine.</param>
/// <param name="Tap">The tap or macvtap, a link of the sandbox's network namespace.</param>
/// <param name="Mac">The NIC's address.</param>
/// <param name="Queues">Pairs of queues.</param>
public sealed record NetworkDevice(string Id, string Tap, MacAddress Mac, int Queues) : Device
{
    /// <summary>The character device of a macvtap; null for a tap, which is opened by its name.</summary>
    public HostPath? CharacterDevice { get; init; }
}

/// <summary>Entropy for the guest.</summary>
/// <param name="Source">A random device of the host.</param>
public sealed record RngDevice(HostPath Source) : Device;

/// <summary>A device that was added to a running machine.</summary>
/// <param name="Device">What was added.</param>
/// <param name="GuestAddress">Where the guest finds it, such as a PCI path.</param>
public sealed record AttachedDevice(Device Device, string GuestAddress);
