using System.Diagnostics;
using FluentAssertions;

namespace Kata.Tests.Contracts;

/// <summary>
/// Two network namespaces of a test's own, one for the pod and one for what is around it, set up with <c>ip</c>.
/// </summary>
internal sealed class NetworkNamespaces : IDisposable
{
    private readonly string _name = $"contract-{Guid.NewGuid().ToString("N")[..8]}";

    public NetworkNamespaces()
    {
        Ip($"netns add {Pod}");
        Ip($"netns add {Around}");
        Ip($"-n {Pod} link set lo up");
    }

    public string Pod => $"{_name}-pod";

    public string Around => $"{_name}-around";

    public string PodPath => $"/run/netns/{Pod}";

    /// <summary>A veth in the pod's namespace whose other end is around; up, with addresses.</summary>
    public void AddVeth(string name, string mac, int mtu, params IEnumerable<string> addresses)
    {
        Ip($"-n {Around} link add p-{name} mtu {mtu} type veth peer name {name} mtu {mtu} address {mac} netns {Pod}");
        Ip($"-n {Around} link set p-{name} up");
        foreach (var address in addresses)
            Ip(
                $"-n {Pod} address add {address} dev {name}{(address.Contains(':', StringComparison.Ordinal) ? " nodad" : "")}");
        Ip($"-n {Pod} link set {name} up");
    }

    public static string Ip(string arguments) => Run("ip", arguments);

    public static string Run(string program, string arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.Should().Be(0, "{0} {1}: {2}", program, arguments, errors.Result);
        return output;
    }

    public void Dispose()
    {
        foreach (var path in new[] { Pod, Around }.Where(name => File.Exists($"/run/netns/{name}")))
            Ip($"netns del {path}");
    }
}
