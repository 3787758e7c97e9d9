using System.Diagnostics;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>
/// Mount, process and network namespaces of the benchmarks' own, with an empty <c>/run</c>: nothing of the machine's is
/// touched, and the end of the benchmarks ends whatever they started.
/// </summary>
internal static class PrivateHost
{
    private const string Mark = "KATA_BENCH_INSIDE";

    // The shell is the first process: it reaps what loses its parent.
    private const string Init = "mount -t tmpfs tmpfs /run && mkdir -p /run/lock && ip link set lo up && \"$@\"; exit $?";

    /// <summary>True in the program that does the work.</summary>
    public static bool IsInside => Environment.GetEnvironmentVariable(Mark) == "1";

    /// <summary>Runs this program again, inside; the answer is its exit code.</summary>
    public static async Task<int> EnterAsync(string[] arguments)
    {
        var start = new ProcessStartInfo("unshare")
        {
            ArgumentList =
            {
                "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "--net",
                "--kill-child=SIGKILL",
                "busybox", "sh", "-c", Init, "init",
                Environment.ProcessPath!, "exec", typeof(PrivateHost).Assembly.Location,
            },
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment[Mark] = "1";
        // As the shim's server is started, so that the ttRPC figures are those of its connections.
        start.Environment["DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS"] = "1";
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
