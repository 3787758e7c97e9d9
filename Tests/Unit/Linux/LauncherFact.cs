using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

/// <summary>
/// A test through a built program that has the <c>spawn</c> verb; where there is none, or no root, it is skipped.
/// </summary>
internal sealed class LauncherFactAttribute : FactAttribute
{
    internal static readonly string Launcher =
        Environment.GetEnvironmentVariable("KATA_TEST_LAUNCHER")
            ?? Path.Combine(AppContext.BaseDirectory, "kata-agent");

    /// <summary>What a program that is not compiled ahead of time needs to find its runtime.</summary>
    internal static readonly string[] Runtime =
    [
        "PATH=/usr/bin:/bin",
        "DOTNET_ROOT=" + Path.GetFullPath(
            Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "../../..")),
    ];

    private static readonly Lazy<bool> HasVerb = new(() =>
    {
        if (!File.Exists(Launcher))
            return false;
        var process = ProcessSpawner.Spawn(new SpawnRequest
        {
            Path = Launcher,
            Arguments = [Launcher, ProcessSpawner.Verb, "--", "/bin/sh", "-c", "exit 9"],
            Environment = Runtime,
        });
        return process.Exited.WaitAsync(Waits.Limit).GetAwaiter().GetResult().Code == 9;
    });

    public LauncherFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
            Skip = "needs root";
        else if (!HasVerb.Value)
            Skip = "needs a program with the spawn verb";
    }
}
