using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Cgroups;

/// <summary>Removes a cgroup directory once its last process has gone.</summary>
internal static class CgroupRemoval
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

    // A killed process leaves its cgroup some milliseconds after it has been reaped.
    private const int Attempts = 100;

    /// <summary>
    /// A sandbox's own cgroup is retried while processes leave; a parent of it, made on the way, is left if others use
    /// it.
    /// </summary>
    public static async Task RemoveAsync(string directory, CancellationToken ct)
    {
        var own = Path.GetFileName(directory).StartsWith(SandboxCgroup.Prefix, StringComparison.Ordinal);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Directory.Delete(directory);
                return;
            }
            catch (DirectoryNotFoundException)
            {
                return;
            }
            catch (IOException) when (!own)
            {
                return;
            }
            catch (IOException) when (attempt < Attempts)
            {
                await Task.Delay(Step, ct);
            }
            catch (IOException e)
            {
                var pids = string.Join(' ', File.ReadAllLines($"{directory}/cgroup.procs").Take(10));
                throw new IOException($"{directory} still holds processes: {pids}", e);
            }
        }
    }
}
