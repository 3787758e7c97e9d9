using Kata.Apps.Agent.Containers;
using Kata.Apps.Agent.Sandboxes;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Cgroups;

/// <summary>
/// Reports, once, that a process of a container was killed for want of memory; ends with that, or with the container's
/// cgroup.
/// </summary>
internal static class OomWatch
{
    /// <summary>Watches from before this returns.</summary>
    public static void Begin(GuestContainer container, GuestSandbox sandbox, AgentLog log)
    {
        var file = Path.Combine(container.Cgroup.Directory, "memory.events");
        try
        {
            _ = RunAsync(FileWatch.Open(file), container, sandbox, log);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            log.Warning($"container {container.Id} has no memory controller: out-of-memory is not reported");
        }
    }

    private static async Task RunAsync(FileWatch watch, GuestContainer container, GuestSandbox sandbox, AgentLog log)
    {
        try
        {
            using (watch)
            {
                uint seen;
                do
                {
                    seen = await watch.WaitAsync();
                    if (container.Cgroup.OomKills() > 0)
                    {
                        sandbox.ReportOom(container.Id);
                        return;
                    }
                }
                while ((seen & FileWatch.IN_IGNORED) == 0);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            log.Warning($"container {container.Id}: watching for out-of-memory: {e.Message}");
        }
    }
}
