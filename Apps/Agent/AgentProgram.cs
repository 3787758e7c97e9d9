using Kata.Apps.Agent.Boot;
using Kata.Apps.Agent.Sandboxes;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent;

/// <summary>The agent as an ordinary program.</summary>
internal static class AgentProgram
{
    private const string UnixPrefix = "unix:";

    public static int PrintVersion()
    {
        Console.Out.WriteLine($"kata-agent {AgentVersion.Text}");
        return 0;
    }

    public static int PrintUsage()
    {
        Console.Error.WriteLine("""
            kata-agent is the first process of a guest and needs no arguments there.
            To try it on a host: kata-agent --listen unix:PATH --root DIRECTORY
            """);
        return 2;
    }

    /// <summary>Serves on a unix socket with its files below a directory, until the sandbox is destroyed.</summary>
    public static async Task<int> RunBesideAsync(string address, string root)
    {
        if (!address.StartsWith(UnixPrefix, StringComparison.Ordinal))
        {
            return PrintUsage();
        }

        var log = new AgentLog(
            DescriptorIo.Duplicate(new Microsoft.Win32.SafeHandles.SafeFileHandle(2, ownsHandle: false)))
        {
            Level = AgentLogLevel.Debug,
        };
        Prctl.SetChildSubreaper();
        var paths = new AgentPaths(Path.Combine(Path.GetFullPath(root), "run"), Cgroups());
        Directory.CreateDirectory(paths.Run);
        var composition = new AgentComposition(paths, new ModuleLoader([], [], [], log), new AgentOptions(), log);

        using var stop = new CancellationTokenSource();
        var serving = composition.Server.ServeUnixAsync(
            address[UnixPrefix.Length..].TrimStart('/').Insert(0, "/"), stop.Token);
        await await Task.WhenAny(serving, composition.Sandbox.Destroyed);
        await composition.Server.StopAsync(TimeSpan.FromSeconds(1));
        await stop.CancelAsync();
        return 0;
    }

    /// <summary>The version 2 hierarchy, also where it stands beside version 1.</summary>
    private static string Cgroups() =>
        Directory.Exists("/sys/fs/cgroup/unified") ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
}
