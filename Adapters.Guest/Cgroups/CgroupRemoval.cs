using Polly;

namespace Kata.Adapters.Guest.Cgroups;

/// <summary>Removes a cgroup directory once its last process has gone.</summary>
internal static class CgroupRemoval
{
    // A killed process leaves its cgroup some milliseconds after it has been reaped.
    private static readonly ResiliencePipeline WhileProcessesLeave = Retries.Build(
        "cgroup-removal", TimeProvider.System, 99, TimeSpan.FromMilliseconds(10),
        static e => e is IOException and not DirectoryNotFoundException);

    /// <summary>
    /// A sandbox's own cgroup is retried while processes leave; a parent of it, made on the way, is left if others use
    /// it.
    /// </summary>
    public static async Task RemoveAsync(string directory, CancellationToken ct)
    {
        var own = Path.GetFileName(directory).StartsWith(SandboxCgroup.Prefix, StringComparison.Ordinal);
        try
        {
            if (own)
                await WhileProcessesLeave.ExecuteAsync(static (directory, _) => Delete(directory), directory, ct);
            else
                await Delete(directory);
        }
        catch (DirectoryNotFoundException)
        {
            // Already gone.
        }
        catch (IOException) when (!own)
        {
            // In use by others.
        }
        catch (IOException e)
        {
            var pids = string.Join(' ', File.ReadAllLines($"{directory}/cgroup.procs").Take(10));
            throw new IOException($"{directory} still holds processes: {pids}", e);
        }
    }

    private static ValueTask Delete(string directory)
    {
        Directory.Delete(directory);
        return ValueTask.CompletedTask;
    }
}
