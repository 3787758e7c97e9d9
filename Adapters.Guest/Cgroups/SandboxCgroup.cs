using System.Globalization;
using Kata.Adapters.Guest.State;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using HostCgroups = Kata.Platform.Linux.Cgroups;

namespace Kata.Adapters.Guest.Cgroups;

/// <summary>
/// The sandbox's cgroup in each hierarchy that the host has: the unified one alone, or every v1 controller's and the
/// unified one beside them.
/// </summary>
internal sealed class SandboxCgroup : ISandboxCgroup
{
    /// <summary>Marks a sandbox's own cgroup.</summary>
    public const string Prefix = "kata_";

    private readonly Lazy<CgroupVersion> _version = new(HostCgroups.Detect);
    private IReadOnlyDictionary<string, string>? _before;

    public bool IsUnified => _version.Value == CgroupVersion.V2;

    public Task<IReadOnlyList<HostPath>> CreateAsync(string? cgroupsPath, IResourceLedger ledger, CancellationToken ct)
    {
        if (string.IsNullOrEmpty(cgroupsPath) || _version.Value == CgroupVersion.None)
            return Task.FromResult<IReadOnlyList<HostPath>>([]);

        var name = CgroupName.Derive(cgroupsPath);
        var made = new List<HostPath>();
        var heldByAnybody = new Lazy<IReadOnlySet<string>>(() => ResourceLedgerFile.HeldByAnybody(ResourceKind.Cgroup));
        try
        {
            foreach (var root in HostCgroups.Hierarchies().Values.Distinct())
            {
                var directory = root + name;
                Make(root, directory, ledger, heldByAnybody);
                made.Add(HostPath.Parse(directory, "cgroup"));
            }
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"making the cgroup {name}");
        }

        return Task.FromResult<IReadOnlyList<HostPath>>(made);
    }

    public long? MemoryLimit(IReadOnlyList<HostPath> cgroups) =>
        cgroups.Select(cgroup => CgroupFiles.MemoryLimit(cgroup.Value)).Where(limit => limit is not null).Min();

    public Task MoveAsync(IReadOnlyList<HostPath> cgroups, int processId, CancellationToken ct)
    {
        if (processId == Environment.ProcessId)
            _before ??= CgroupFiles.Current();
        foreach (var cgroup in cgroups)
            Join(cgroup.Value, processId);
        return Task.CompletedTask;
    }

    public Task MoveThreadsAsync(IReadOnlyList<HostPath> cgroups, IReadOnlyList<int> threadIds, CancellationToken ct)
    {
        var bounding = cgroups.Where(cgroup => BoundsCpus(cgroup.Value));
        foreach (var tasks in bounding.Select(cgroup => $"{cgroup}/tasks").Where(File.Exists))
        {
            foreach (var thread in threadIds)
            {
                try
                {
                    File.WriteAllText(tasks, thread.ToString(CultureInfo.InvariantCulture));
                }
                catch (IOException e)
                {
                    throw GuestErrors.Translate(e, $"moving thread {thread} into {tasks}");
                }
            }
        }

        return Task.CompletedTask;
    }

    public Task LeaveAsync(IReadOnlyList<HostPath> cgroups, CancellationToken ct)
    {
        var roots = HostCgroups.Hierarchies();
        foreach (var (controller, path) in _before ?? new Dictionary<string, string>())
        {
            if (roots.TryGetValue(controller, out var root))
                Join(Directory.Exists(root + path) ? root + path : root, Environment.ProcessId);
        }

        return Task.CompletedTask;
    }

    public Task ApplyAsync(IReadOnlyList<HostPath> cgroups, OciResources limits, CancellationToken ct)
    {
        if (limits.Cpu is not { } cpu)
            return Task.CompletedTask;
        foreach (var cgroup in cgroups)
        {
            try
            {
                CgroupFiles.EnableCpuset(cgroup.Value);
                CgroupFiles.WriteIfPresent($"{cgroup}/cpuset.cpus", cpu.Cpus);
                CgroupFiles.WriteIfPresent($"{cgroup}/cpuset.mems", cpu.Mems);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new KataException(
                    ErrorKind.InvalidArgument,
                    $"the host refuses CPUs \"{cpu.Cpus}\" and memory nodes \"{cpu.Mems}\" for {cgroup}: "
                    + "they must be there and lie within those of the cgroup around it",
                    e);
            }
        }

        return Task.CompletedTask;
    }

    // Each directory that is missing is recorded before it is made, the outermost first. One that another sandbox has
    // made is recorded too: who of them is the last to leave is not known yet. One that others made is theirs.
    private static void Make(
        string root, string directory, IResourceLedger ledger, Lazy<IReadOnlySet<string>> heldByAnybody)
    {
        var path = root;
        foreach (var part in directory[root.Length..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            path = $"{path}/{part}";
            if (Directory.Exists(path))
            {
                if (heldByAnybody.Value.Contains(path))
                    ledger.Record(new AcquiredResource(ResourceKind.Cgroup, path));
                continue;
            }

            ledger.Record(new AcquiredResource(ResourceKind.Cgroup, path));
            Directory.CreateDirectory(path);
            CgroupFiles.InheritCpuset(path);
        }
    }

    private static bool BoundsCpus(string directory) =>
        File.Exists($"{directory}/cpu.shares") || File.Exists($"{directory}/cpuset.cpus")
            || File.Exists($"{directory}/cpuacct.usage");

    private static void Join(string directory, int processId)
    {
        try
        {
            File.WriteAllText($"{directory}/cgroup.procs", processId.ToString(CultureInfo.InvariantCulture));
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"moving process {processId} into {directory}");
        }
    }
}
