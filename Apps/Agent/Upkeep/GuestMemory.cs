using System.Globalization;

namespace Kata.Apps.Agent.Upkeep;

/// <summary>The guest's memory blocks.</summary>
internal static class GuestMemory
{
    private const string Directory = "/sys/devices/system/memory";
    private const string Automatic = Directory + "/auto_online_blocks";
    private const string Probe = Directory + "/probe";

    public static bool SupportsProbe => File.Exists(Probe);

    /// <summary>Bytes; 0 where memory cannot be hot-added.</summary>
    public static ulong BlockSize()
    {
        var file = Directory + "/block_size_bytes";
        if (!File.Exists(file))
        {
            return 0;
        }

        return ulong.TryParse(File.ReadAllText(file).AsSpan().Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var size)
            ? size
            : throw AgentErrors.Internal("Invalid block size");
    }

    public static void Add(IEnumerable<ulong> addresses)
    {
        foreach (var address in addresses)
        {
            File.WriteAllText(Probe, $"0x{address:X}");
        }
    }

    /// <summary>Lets the kernel bring blocks online as they come: a card adds its memory bit by bit, after the host has asked for it.</summary>
    public static void BringOnlineAsItComes()
    {
        try
        {
            if (File.Exists(Automatic))
            {
                File.WriteAllText(Automatic, "online");
            }
        }
        catch (IOException)
        {
            // Then it is brought online when the host says so.
        }
    }

    /// <summary>Brings every block online that is not.</summary>
    public static void BringOnline() => GuestCpus.BringOnline(Directory, "memory", int.MaxValue);
}
