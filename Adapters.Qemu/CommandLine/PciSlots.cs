using System.Globalization;
using Kata.Core.Domain;

namespace Kata.Adapters.Qemu.CommandLine;

/// <summary>The slots of the bridge into which devices of a running machine go.</summary>
internal sealed class PciSlots
{
    /// <summary>The bridge's id.</summary>
    public const string Bridge = "hot";

    /// <summary>Its own slot on the root bus, fixed so that the guest's path is known.</summary>
    public const int BridgeSlot = 2;

    // 0 belongs to the hot-plug controller that a bridge could have.
    private const int First = 1;
    private const int Last = 30;

    private readonly Lock _gate = new();
    private readonly SortedSet<int> _free = [.. Enumerable.Range(First, Last)];

    /// <summary>The bridge on the command line: hot-plug by ACPI, and windows for what is not there yet.</summary>
    public static DeviceOption BridgeOption { get; } = new(
        "pci-bridge",
        ("bus", "pcie.0"),
        ("id", Bridge),
        ("chassis_nr", "1"),
        ("shpc", "off"),
        ("addr", $"{BridgeSlot:x}"),
        ("io-reserve", "4k"),
        ("mem-reserve", "1m"),
        ("pref64-reserve", "1m"));

    /// <summary>Takes the lowest free slot.</summary>
    public int Take()
    {
        lock (_gate)
        {
            if (_free.Count == 0)
                throw new KataException(
                    ErrorKind.ResourceExhausted, $"all {Last} slots for devices of a running machine are taken");
            var slot = _free.Min;
            _free.Remove(slot);
            return slot;
        }
    }

    /// <summary>Gives a slot back.</summary>
    public void Return(int slot)
    {
        lock (_gate)
            _free.Add(slot);
    }

    /// <summary>How QEMU reads a slot: hexadecimal, whatever it looks like.</summary>
    public static string Hex(int slot) => slot.ToString("x2", CultureInfo.InvariantCulture);

    /// <summary>Where the guest finds a slot: the way from the root bus.</summary>
    public static string GuestPath(int slot) => $"{Hex(BridgeSlot)}/{Hex(slot)}";
}
