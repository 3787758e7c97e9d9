using System.Globalization;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Upkeep;

/// <summary>The guest's network links, as the kernel shows them in files.</summary>
internal static class GuestLinks
{
    private const string Directory = "/sys/class/net";

    public static IEnumerable<Oci.Interface> List()
    {
        foreach (var link in System.IO.Directory.EnumerateDirectories(Directory))
        {
            var name = Path.GetFileName(link);
            var mtu = ulong.TryParse(Read(link, "mtu"), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
            yield return new Oci.Interface { Name = name, Device = name, HwAddr = Read(link, "address").ToUpperInvariant(), Mtu = mtu };
        }
    }

    private static string Read(string link, string file)
    {
        var path = Path.Combine(link, file);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : "";
    }
}
