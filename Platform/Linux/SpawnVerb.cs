using System.Globalization;
using System.Text;

namespace Kata.Platform.Linux;

/// <summary>
/// The <c>spawn</c> verb of our binaries: enters what its options name, gives up what they name, and becomes the
/// program. Environment and descriptors are those it was started with. If a step fails it ends with 126, or 127
/// if there is no such program, and one line on the standard error.
/// </summary>
public static class SpawnVerb
{
    private const int CannotRun = 126;
    private const int NotFound = 127;

    /// <param name="args">What follows the verb; the verb itself may lead.</param>
    /// <returns>An exit code: it returns only if it failed.</returns>
    public static int Run(ReadOnlySpan<string> args)
    {
        var statusDescriptor = -1;
        LinuxException failure;
        try
        {
            var order = SpawnOrder.Parse(args is [ProcessSpawner.Verb, ..] ? args[1..] : args);
            statusDescriptor = order.StatusDescriptor;
            failure = Become(order);
        }
        catch (LinuxException refused)
        {
            failure = refused;
        }
        catch (FormatException malformed)
        {
            failure = new LinuxException(Errno.EINVAL, "spawn", malformed.Message);
        }
        Tell(statusDescriptor, SpawnOrders.Failure(failure.Errno, failure.Call, failure.Subject));
        Tell(2, Encoding.UTF8.GetBytes($"spawn: {failure.Message}\n"));
        return failure is { Errno: Errno.ENOENT, Call: "execv" } ? NotFound : CannotRun;
    }

    private static LinuxException Become(SpawnOrder order)
    {
        if (order.StatusDescriptor >= 0)
            LinuxException.Check(Libc.fcntl_fd(order.StatusDescriptor, 2, 1), "fcntl", "status descriptor");
        foreach (var cgroup in order.Cgroups)
            WriteFile(cgroup + "/cgroup.procs", "0");
        if (order.NetworkNamespace is { } netns)
            Namespaces.Enter(netns, Namespaces.CLONE_NEWNET);
        if (order.OomScoreAdjustment is { } oom)
            SetOomScore(oom);
        foreach (var limit in order.Limits)
            SetLimit(limit);
        SetIds(order);
        LinuxException.Check(Libc.chdir(order.WorkingDirectory), "chdir", order.WorkingDirectory);
        Signals.ResetForExec();
        // After the ids: changing them clears it.
        if (order.ParentDeathSignal is { } signal)
        {
            Prctl.SetParentDeathSignal(signal);
            if (order.Parent is { } parent && Libc.getppid() != parent)
                throw new LinuxException(Errno.ESRCH, "getppid", $"pid {parent}");
        }
        return Exec(order);
    }

    private static unsafe LinuxException Exec(SpawnOrder order)
    {
        var path = NativeStrings.Allocate([order.Program]);
        var argv = NativeStrings.Allocate([order.Name, .. order.Arguments]);
        // SAFETY: both blocks are never freed; the process is replaced or ends.
        Libc.execv(path[0], argv);
        return LinuxException.Last("execv", order.Program);
    }

    private static unsafe void SetIds(SpawnOrder order)
    {
        if (order.Groups is not null || order.GroupId is not null || order.UserId is not null)
        {
            var groups = order.Groups ?? [];
            // SAFETY: the array is pinned for the call, the count is its length.
            fixed (uint* list = groups)
                LinuxException.Check(Libc.setgroups((nuint)groups.Length, list), "setgroups", string.Join(',', groups));
        }
        if (order.GroupId is { } gid)
            LinuxException.Check(Libc.setresgid(gid, gid, gid), "setresgid", $"gid {gid}");
        if (order.UserId is { } uid)
            LinuxException.Check(Libc.setresuid(uid, uid, uid), "setresuid", $"uid {uid}");
    }

    private static unsafe void SetLimit(ResourceLimit limit)
    {
        // SAFETY: struct rlimit is two 64-bit words.
        var words = stackalloc ulong[2] { limit.Soft, limit.Hard };
        LinuxException.Check(Libc.setrlimit((int)limit.Resource, words), "setrlimit", limit.Resource.ToString());
    }

    private static void SetOomScore(int score)
    {
        try
        {
            WriteFile("/proc/self/oom_score_adj", score.ToString(CultureInfo.InvariantCulture));
        }
        catch (LinuxException refused) when (refused.Errno is Errno.EACCES or Errno.EPERM)
        {
            // Without CAP_SYS_RESOURCE the score only goes up; the program matters more than its score.
        }
    }

    private static void WriteFile(string path, string text)
    {
        using var file = DescriptorIo.Open(path, OpenFlags.O_WRONLY);
        try
        {
            DescriptorIo.Write(file, Encoding.UTF8.GetBytes(text));
        }
        catch (LinuxException refused)
        {
            throw new LinuxException(refused.Errno, refused.Call, path);
        }
    }

    private static unsafe void Tell(int descriptor, byte[] line)
    {
        if (descriptor < 0)
            return;
        // SAFETY: pinned for the call. Nobody is left to tell if it fails.
        fixed (byte* bytes = line)
            _ = Libc.write_fd(descriptor, bytes, (nuint)line.Length);
    }
}
