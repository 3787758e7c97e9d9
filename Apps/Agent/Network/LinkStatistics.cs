using System.Globalization;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Network;

/// <summary>What the pod's interfaces have carried. They are the pod's: each of its containers has the same.</summary>
internal static class LinkStatistics
{
    private const string Directory = "/sys/class/net";

    public static IReadOnlyList<Oci.NetworkStats> Read(string directory = Directory) =>
        [.. System.IO.Directory.GetDirectories(directory)
        .Where(link => Path.GetFileName(link) != "lo")
        .Order(StringComparer.Ordinal)
        .Select(link => new Oci.NetworkStats
        {
            Name = Path.GetFileName(link),
            RxBytes = Figure(link, "rx_bytes"),
            RxPackets = Figure(link, "rx_packets"),
            RxErrors = Figure(link, "rx_errors"),
            RxDropped = Figure(link, "rx_dropped"),
            TxBytes = Figure(link, "tx_bytes"),
            TxPackets = Figure(link, "tx_packets"),
            TxErrors = Figure(link, "tx_errors"),
            TxDropped = Figure(link, "tx_dropped"),
        })];

    private static ulong Figure(string link, string name)
    {
        try
        {
            return ulong.TryParse(
                File.ReadAllText(Path.Combine(link, "statistics", name)).AsSpan().Trim(), NumberStyles.None,
                CultureInfo.InvariantCulture, out var figure)
                ? figure
                : 0;
        }
        catch (IOException)
        {
            // Unplugged in the meantime.
            return 0;
        }
    }
}
