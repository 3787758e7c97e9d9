using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Containerd;

/// <summary>Programs of newer Debian suites, unpacked beside the machine's own.</summary>
internal static class Peers
{
    /// <summary>Unpacks what is not yet unpacked and gives the suite's folder of programs.</summary>
    public static async Task<string> UnpackAsync(string suite)
    {
        (await Command.RunAsync(Path.Combine(Repository.Root, "Tests", "tools", "peers.sh"), [],
            limit: TimeSpan.FromMinutes(8))).Exited(0);
        return Programs(suite);
    }

    /// <summary>
    /// Where a suite's programs lie once they are unpacked; those of administration with <c>sbin</c>.
    /// </summary>
    public static string Programs(string suite, string kind = "bin") =>
        Path.Combine(Repository.Artifacts, "peers", suite, "root", "usr", kind);
}
