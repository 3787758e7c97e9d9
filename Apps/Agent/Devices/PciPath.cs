using System.Globalization;

namespace Kata.Apps.Agent.Devices;

/// <summary>One place on a bus.</summary>
internal readonly record struct PciSlot(int Slot, int Function)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Slot:x2}.{Function}");
}

/// <summary>
/// Where a device sits in the machine: a root bus, the bridges on the way, the device. It names a device also before it
/// is there.
/// </summary>
internal sealed class PciPath
{
    private const int LargestSlot = 0x1f;
    private const int LongestPath = 8;

    private readonly int _rootBus;
    private readonly IReadOnlyList<PciSlot> _slots;
    private readonly string _text;

    private PciPath(int rootBus, IReadOnlyList<PciSlot> slots, string text)
    {
        _rootBus = rootBus;
        _slots = slots;
        _text = text;
    }

    /// <summary>
    /// Reads <c>02/03</c>, <c>02/00.1</c> or, with a root bus in front, <c>20/00/02</c>. Throws
    /// <see cref="FormatException"/> for anything else.
    /// </summary>
    public static PciPath Parse(string text)
    {
        var parts = text.Split('/');
        var first = 0;
        var rootBus = 0;
        if (parts.Length >= 3 && Hex(parts[0]) is { } bus and > LargestSlot)
        {
            (first, rootBus) = (1, bus);
        }

        var slots = new List<PciSlot>();
        foreach (var part in parts.Skip(first))
        {
            slots.Add(ParseSlot(part) ?? throw Malformed(text));
        }

        return slots.Count is > 0 and <= LongestPath ? new PciPath(rootBus, slots, text) : throw Malformed(text);
    }

    /// <summary>From slot numbers alone, from the first root bus on.</summary>
    public static PciPath OfSlots(IReadOnlyCollection<uint> slots) =>
        Parse(string.Join('/', slots.Select(slot => slot.ToString("x2", CultureInfo.InvariantCulture))));

    /// <summary>The device's directory below <c>/sys/devices</c>, or null while it is not there.</summary>
    public string? Locate(string devices)
    {
        var bus = string.Create(CultureInfo.InvariantCulture, $"0000:{_rootBus:x2}");
        var directory = Path.Combine(devices, "pci" + bus);
        for (var i = 0; i < _slots.Count; i++)
        {
            directory = Path.Combine(directory, $"{bus}:{_slots[i]}");
            if (!Directory.Exists(directory))
            {
                return null;
            }

            if (i < _slots.Count - 1)
            {
                // The kernel numbers the buses behind bridges; only the bridge tells which one is behind it.
                var behind = Path.Combine(directory, "pci_bus");
                if (!Directory.Exists(behind) || Directory.GetDirectories(behind) is not [var only])
                {
                    return null;
                }

                bus = Path.GetFileName(only);
            }
        }

        return directory;
    }

    public override string ToString() => _text;

    private static PciSlot? ParseSlot(string text)
    {
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        var function = 0;
        if (dot >= 0)
        {
            if (text.Length != dot + 2 || text[^1] is < '0' or > '7')
            {
                return null;
            }

            function = text[^1] - '0';
            text = text[..dot];
        }

        return Hex(text) is { } slot and <= LargestSlot ? new PciSlot(slot, function) : null;
    }

    private static int? Hex(string text) =>
        text.Length is 1 or 2 && int.TryParse(
            text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static FormatException Malformed(string text) =>
        new($"'{text}' is no PCI path: slots in hexadecimal from the root bus on, such as 02/03");
}
