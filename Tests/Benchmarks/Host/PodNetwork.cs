using Kata.Tests.TestHost;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>
/// A bridge on the private host, and namespaces with a NIC on it, as the usual CNI plugin makes them.
/// </summary>
internal static class PodNetwork
{
    private const string Bridge = "bench0";

    private static bool _hasBridge;

    /// <summary>The address of the n-th pod, from 1.</summary>
    public static string Address(int number) => $"10.99.0.{number + 1}";

    /// <summary>Makes the n-th pod's namespace, once, and answers its path.</summary>
    public static async Task<string> MakeAsync(int number)
    {
        var name = $"pod{number}";
        if (!_hasBridge)
            await IpAsync(
                $"link add {Bridge} type bridge", $"addr add 10.99.0.1/24 dev {Bridge}", $"link set {Bridge} up");
        _hasBridge = true;
        if (!File.Exists($"/run/netns/{name}"))
        {
            await IpAsync(
                $"netns add {name}", $"link add v{number} type veth peer name eth0 netns {name}",
                $"link set v{number} master {Bridge} up",
                $"-n {name} link set lo up", $"-n {name} addr add {Address(number)}/24 dev eth0",
                $"-n {name} link set eth0 up",
                $"-n {name} route add default via 10.99.0.1");
        }

        return $"/run/netns/{name}";
    }

    private static async Task IpAsync(params string[] lines)
    {
        foreach (var line in lines)
            (await Command.RunAsync("ip", line.Split(' '))).Exited(0);
    }
}
