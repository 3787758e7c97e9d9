using System.Collections;
using System.Globalization;
using System.Runtime.InteropServices;
using Kata.Platform.Linux;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// Executes this binary again as the long-lived server: in a session of its own, its streams away from the caller, the
/// listener as descriptor 3.
/// </summary>
internal static class ShimLauncher
{
    /// <summary>The number that the listener has in the server.</summary>
    public const int ListenerDescriptor = 3;

    private const int MaxOomScore = 1000;

    /// <summary>Launches it and answers its pid.</summary>
    public static int Launch(
        ShimArguments arguments, string? ttrpcAddress, string bundle, string socketPath, SafeHandle listener)
    {
        var program = Environment.ProcessPath ?? "/proc/self/exe";
        string[] words =
        [
            program, "-namespace", arguments.Namespace, "-address", arguments.Address, "-publish-binary",
            arguments.PublishBinary,
            "-id", arguments.Id, "-socket", socketPath, .. arguments.Debug ? ["-debug"] : Array.Empty<string>(),
        ];
        var pid = DetachedProcess.Start(new SpawnRequest
        {
            Path = program,
            Arguments = words,
            Environment = ServerEnvironment(ttrpcAddress),
            Descriptors = [new InheritedDescriptor(listener, ListenerDescriptor)],
            WorkingDirectory = bundle,
            Group = SpawnGroup.Session,
        });
        RaiseOomScore(pid);
        return pid;
    }

    private static List<string> ServerEnvironment(string? ttrpcAddress)
    {
        // Readiness and activation are between the daemon and its supervisor.
        var environment = new List<string>();
        foreach (DictionaryEntry pair in Environment.GetEnvironmentVariables())
        {
            if (pair.Key is not ("NOTIFY_SOCKET" or "LISTEN_FDS" or "LISTEN_PID" or "LISTEN_FDNAMES"
                or ShimServer.InlineCompletions)
                && !(pair.Key is ShimServer.TtrpcAddress && ttrpcAddress is { Length: > 0 }))
            {
                environment.Add($"{pair.Key}={pair.Value}");
            }
        }

        if (ttrpcAddress is { Length: > 0 })
            environment.Add($"{ShimServer.TtrpcAddress}={ttrpcAddress}");
        // Without it every reply costs a hop to the pool, twice the latency of a call.
        environment.Add($"{ShimServer.InlineCompletions}=1");
        return environment;
    }

    /// <summary>
    /// One above the daemon's, so that the kernel takes the shim first. Not everyone may; the shim matters more than
    /// its score.
    /// </summary>
    private static void RaiseOomScore(int pid)
    {
        try
        {
            var parent = ProcFs.Stat(Environment.ProcessId)?.ParentId ?? 0;
            var score = int.Parse(File.ReadAllText($"/proc/{parent}/oom_score_adj"), CultureInfo.InvariantCulture);
            File.WriteAllText(
                $"/proc/{pid}/oom_score_adj", Math.Min(score + 1, MaxOomScore).ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            // The daemon is not ours to read, or the score may not be changed.
        }
    }
}
