using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Supervision;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Qemu;

/// <summary>Character devices of macvtaps. QEMU opens taps by name alone, so these are opened for it.</summary>
internal static class MacVtap
{
    /// <summary>Opens one queue.</summary>
    public static SafeFileHandle Open(HostPath device)
    {
        try
        {
            return DescriptorIo.Open(device.Value, OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK);
        }
        catch (LinuxException e)
        {
            throw new KataException(
                e.ToKind(ErrorKind.FailedPrecondition),
                $"macvtap {device} does not open ({e.Errno}): the link below it may be gone", e);
        }
    }

    /// <summary>
    /// Opens every queue of every macvtap among the devices; answers the numbers that they have in QEMU, by the NIC's
    /// id.
    /// </summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<int>> OpenAll(
        IEnumerable<Device> devices, InheritedSet inherited)
    {
        var numbers = new Dictionary<string, IReadOnlyList<int>>();
        foreach (var nic in devices.OfType<NetworkDevice>())
        {
            if (nic.CharacterDevice is { } device)
                numbers[nic.Id] = [.. Enumerable.Range(0, nic.Queues).Select(_ => inherited.Add(Open(device)))];
        }
        return numbers;
    }
}
