using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Kata.Platform.Linux;

/// <summary>
/// The words between the two halves of a placed start: argv to <see cref="SpawnVerb"/>, one line back if it fails.
/// </summary>
internal static class SpawnOrders
{
    private const int LongestFailure = 4096;

    /// <summary>The request that starts our own binary, which then becomes the program.</summary>
    internal static SpawnRequest ToLaunch(
        SpawnRequest request, SpawnPlacement placement, string launcher, SafeHandle status)
    {
        if (request.Arguments.Count == 0)
            throw new ArgumentException("argv is empty", nameof(request));
        var statusDescriptor = request.Descriptors.Aggregate(2, (highest, d) => Math.Max(highest, d.ChildDescriptor))
            + 1;
        var words = new List<string> { launcher, ProcessSpawner.Verb };
        Add("--status-fd", statusDescriptor.ToString(CultureInfo.InvariantCulture));
        foreach (var cgroup in placement.Cgroups)
            Add("--cgroup", cgroup);
        if (placement.NetworkNamespace is { } netns)
            Add("--netns", netns);
        if (placement.OomScoreAdjustment is { } oom)
            Add("--oom-score-adj", oom.ToString(CultureInfo.InvariantCulture));
        foreach (var limit in placement.Limits)
            Add(
                "--rlimit",
                string.Create(CultureInfo.InvariantCulture, $"{(int)limit.Resource}:{limit.Soft}:{limit.Hard}"));
        if (placement.SupplementaryGroups is { } groups)
            Add("--groups", string.Join(',', groups.Select(g => g.ToString(CultureInfo.InvariantCulture))));
        if (placement.GroupId is { } gid)
            Add("--gid", gid.ToString(CultureInfo.InvariantCulture));
        if (placement.UserId is { } uid)
            Add("--uid", uid.ToString(CultureInfo.InvariantCulture));
        if (placement.ParentDeathSignal is { } signal)
        {
            Add("--pdeathsig", signal.ToString(CultureInfo.InvariantCulture));
            Add("--parent", Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        }
        Add("--cwd", request.WorkingDirectory);
        Add("--name", request.Arguments[0]);
        words.Add("--");
        words.Add(request.Path);
        words.AddRange(request.Arguments.Skip(1));

        return request with
        {
            Path = launcher,
            Arguments = words,
            Placement = null,
            WorkingDirectory = "/",
            Descriptors = [.. request.Descriptors, new InheritedDescriptor(status, statusDescriptor)],
        };

        void Add(string option, string value)
        {
            words.Add(option);
            words.Add(value);
        }
    }

    internal static byte[] Failure(Errno errno, string call, string subject) =>
        Encoding.UTF8.GetBytes($"{(int)errno} {call} {subject}");

    /// <summary>Null when the program has taken over: its exec closed the pipe with nothing said.</summary>
    internal static async Task<LinuxException?> ReadFailureAsync(SafeHandle status, CancellationToken cancellation)
    {
        var buffer = new byte[LongestFailure];
        var length = 0;
        while (length < buffer.Length)
        {
            var read = await DescriptorIo.ReadAsync(status, buffer.AsMemory(length), cancellation);
            if (read == 0)
                break;
            length += read;
        }
        if (length == 0)
            return null;
        var text = Encoding.UTF8.GetString(buffer, 0, length);
        var parts = text.Split(' ', 3);
        return parts.Length == 3 && int.TryParse(parts[0], CultureInfo.InvariantCulture, out var errno)
            ? new LinuxException((Errno)errno, parts[1], parts[2])
            : new LinuxException(Errno.EPROTO, "spawn", text);
    }
}
