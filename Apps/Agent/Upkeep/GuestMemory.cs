using System.Globalization;

namespace Kata.Apps.Agent.Upkeep;

/// <summary>The guest's memory blocks.</summary>
internal static class GuestMemory
{
    private const string Directory = "/sys/devices/system/memory";
    private const string Automatic = Directory + "/auto_online_blocks";
    private const string Probe = Directory + "/probe";
    private const string Generations = "/sys/kernel/mm/lru_gen/enabled";

    public static bool SupportsProbe => File.Exists(Probe);

    /// <summary>Bytes; 0 where memory cannot be hot-added.</summary>
    public static ulong BlockSize()
    {
        var file = Directory + "/block_size_bytes";
        if (!File.Exists(file))
        {
            return 0;
        }

        return ulong.TryParse(
            File.ReadAllText(file).AsSpan().Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var size)
            ? size
            : throw AgentRefusals.Internal("Invalid block size");
    }

    public static void Add(IEnumerable<ulong> addresses)
    {
        foreach (var address in addresses)
        {
            File.WriteAllText(Probe, $"0x{address:X}");
        }
    }

    /// <summary>
    /// Lets the kernel bring blocks online as they come: a virtio-mem device adds its memory bit by bit, after the host
    /// has asked for it.
    /// </summary>
    public static void BringOnlineAsItComes()
    {
        // Else it is brought online when the host says so.
        SetIfPossible(Automatic, "online");
    }

    /// <summary>
    /// Lets the kernel reclaim memory by its two lists instead of by generations. By generations a container at its
    /// limit evicts and reads its own program again and again, for minutes, before it is told that its memory is at an
    /// end.
    /// </summary>
    public static void ReclaimWithoutGenerations() => SetIfPossible(Generations, "n");

    private static void SetIfPossible(string file, string value)
    {
        try
        {
            if (File.Exists(file))
            {
                File.WriteAllText(file, value);
            }
        }
        catch (IOException)
        {
            // Both settings are for the better, and none is needed.
        }
    }

    /// <summary>Brings every block online that is not.</summary>
    public static void BringOnline() => GuestCpus.BringOnline(Directory, "memory", int.MaxValue);
}
