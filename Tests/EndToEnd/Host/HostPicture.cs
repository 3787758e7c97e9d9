using System.Globalization;
using Kata.Tests.EndToEnd.Containerd;

namespace Kata.Tests.EndToEnd.Host;

/// <summary>
/// What a runtime could leave on a host: processes, mounts, files and sockets below /run, bundles, network devices and
/// cgroups. Two pictures are compared; what one knows and the other does not is the difference.
/// </summary>
public sealed class HostPicture
{
    // Directories that belong to nobody in particular: whoever comes first makes them.
    private static readonly HashSet<string> SharedParents =
    [
        "/run/containerd", "/run/containerd/s", "/run/containerd/fifo", "/run/containerd/runc", "/run/lock",
        "/run/netns",
        "/run/vc", "/run/vc/sbs", "/run/vc/vm", "/run/vc/firecracker", "/run/kata-containers",
        "/run/kata-containers/shared",
        "/run/kata-containers/shared/sandboxes", "/run/kata", "/run/kata-hex",
    ];

    private readonly SortedSet<string> _facts;

    // dockerd's own, which it makes when it starts and takes away in its own time.
    private static readonly string[] Daemons = ["/run/docker/libnetwork/", "/run/docker/netns/",
        "/run/docker/unmount-on-shutdown"];

    private HostPicture(SortedSet<string> facts) => _facts = facts;

    public IReadOnlyCollection<string> Facts => _facts;

    public static HostPicture Take(PrivateContainerd host)
    {
        var facts = new SortedSet<string>(StringComparer.Ordinal);
        AddProcesses(facts, host.InitPid);
        AddMounts(facts, host.InitPid);
        AddPaths(facts, host, "/run");
        AddPaths(facts, host, Path.Combine(host.Directory, "state", "io.containerd.runtime.v2.task", host.Namespace));
        AddDevices(facts, host.InitPid);
        foreach (var cgroup in Cgroups(host.Mark))
            facts.Add($"cgroup {cgroup}");
        return new HostPicture(facts);
    }

    /// <summary>One line per thing that appeared (+) or went (-); empty if the host is as it was.</summary>
    public IReadOnlyList<string> DifferenceFrom(HostPicture before) =>
        [.. _facts.Except(before._facts).Select(f => "+ " + f), .. before._facts.Except(_facts).Select(f => "- " + f)];

    /// <summary>
    /// Removes cgroups with this mark, deepest first; the safety net of the end of a run, not part of a check.
    /// </summary>
    internal static void RemoveCgroups(string mark)
    {
        foreach (var cgroup in Cgroups(mark).Append(null).Concat(TopCgroups(mark)).OfType<string>().OrderByDescending(c => c.Length))
        {
            try
            {
                Directory.Delete(cgroup);
            }
            catch (IOException)
            {
                // Not empty: something still runs in it, and a check has said so.
            }
        }
    }

    /// <summary>The processes of the private host but its first one.</summary>
    internal static IEnumerable<(int Pid, string Name, string Line)> Processes(int init)
    {
        var space = Link($"/proc/{init}/ns/pid");
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var pid) || pid == init)
                continue;
            if (Link($"{directory}/ns/pid") != space)
                continue;
            var stat = Read($"{directory}/stat");
            if (stat.Length == 0)
                continue;
            var name = stat[(stat.IndexOf('(', StringComparison.Ordinal) + 1)..stat.LastIndexOf(')')];
            var isZombie = stat[stat.LastIndexOf(')') + 2] == 'Z';
            yield return (pid, name, isZombie ? "(zombie)" : Read($"{directory}/cmdline").Replace('\0', ' ').Trim());
        }
    }

    private static void AddProcesses(SortedSet<string> facts, int init)
    {
        // Whoever is entering by nsenter is a test, not the runtime.
        foreach (var (pid, name,
            line) in Processes(init).Where(p => !p.Line.StartsWith("nsenter ", StringComparison.Ordinal)))
        {
            // There is one daemon of a name, which a test may have killed: another by then, and still the same.
            var number = name is "containerd" or "dockerd" ? "" : $"{pid} ";
            facts.Add($"process {number}{name} {line[..Math.Min(line.Length, 300)]}");
        }
    }

    private static void AddMounts(SortedSet<string> facts, int init)
    {
        foreach (var line in Read($"/proc/{init}/mountinfo").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(' ');
            var dash = Array.IndexOf(fields, "-");
            facts.Add($"mount {fields[4]} {fields[dash + 1]} {fields[dash + 2]}");
        }
    }

    private static void AddPaths(SortedSet<string> facts, PrivateContainerd host, string top)
    {
        var seen = host.Seen("");
        var start = host.Seen(top);
        if (!Directory.Exists(start))
            return;
        // Links are not followed and a share of a running sandbox is listed by its own name only.
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
            IgnoreInaccessible = true,
            MaxRecursionDepth = 5,
        };
        foreach (var path in Directory.EnumerateFileSystemEntries(start, "*", options))
        {
            var name = path[seen.Length..];
            // The fifos are ctr's own: it makes them, and leaves those of an exec whose container went first.
            if (name.StartsWith("/run/containerd/fifo/", StringComparison.Ordinal))
                continue;
            if (Daemons.Any(own => name.StartsWith(own, StringComparison.Ordinal)))
                continue;
            if (!SharedParents.Contains(name) && name != $"/run/containerd/runc/{host.Namespace}")
                facts.Add($"path {name}");
        }
    }

    private static void AddDevices(SortedSet<string> facts, int init)
    {
        foreach (var line in Read($"/proc/{init}/net/dev").Split('\n').Where(l => l.Contains(':',
            StringComparison.Ordinal)))
            facts.Add($"device {line.Split(':')[0].Trim()}");
    }

    private static IEnumerable<string> Cgroups(string mark)
    {
        var tops = TopCgroups(mark).ToList();
        var below = tops.SelectMany(Folders);
        // runc leaves the folder named for the namespace, which is its containers' parent; our own takes it along.
        return TestSettings.HasMachine ? tops.Concat(below).Where(Directory.Exists) : below;
    }

    // cgroup folders with the mark at any depth: /ID, /NAMESPACE/ID, /kata_overhead/ID, /kata/ID and the like.
    private static IEnumerable<string> TopCgroups(string mark)
    {
        var roots = Directory.Exists("/sys/fs/cgroup/cgroup.controllers")
            || File.Exists("/sys/fs/cgroup/cgroup.controllers")
            ? ["/sys/fs/cgroup"]
            : Directory.EnumerateDirectories("/sys/fs/cgroup");
        return roots.SelectMany(Folders).Where(d => Path.GetFileName(d).Contains(mark, StringComparison.Ordinal));
    }

    // All folders below one; none if it goes meanwhile.
    private static List<string> Folders(string top)
    {
        try
        {
            return
            [
                .. Directory.EnumerateDirectories(top, "*", new EnumerationOptions
                {
                    RecurseSubdirectories = true,
                    IgnoreInaccessible = true,
                    AttributesToSkip = FileAttributes.ReparsePoint,
                }),
            ];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string? Link(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
