using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Cgroups;

/// <summary>A container's cgroup, by its files. A cgroup that is gone reads as empty and takes every kill.</summary>
internal sealed class ContainerCgroup(string directory)
{
    private static readonly TimeSpan FreezeLimit = TimeSpan.FromSeconds(10);

    public string Directory { get; } = directory;

    /// <summary>
    /// Kills every process in it and below, new ones included. What the kernel refuses, as for want of a descriptor, is
    /// an IOException.
    /// </summary>
    public void KillAll()
    {
        try
        {
            Write("cgroup.kill", "1");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            // The cgroup is gone, and with it whatever ran there.
        }
        catch (IOException) when (!System.IO.Directory.Exists(Directory))
        {
            // It went while it was written to.
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Completes when every process stands still, or moves again.</summary>
    public async Task SetFrozenAsync(bool frozen, CancellationToken cancellation)
    {
        Write("cgroup.freeze", frozen ? "1" : "0");
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limited.CancelAfter(FreezeLimit);
        await WaitForEventAsync("frozen", frozen ? 1UL : 0UL, limited.Token);
    }

    /// <summary>Completes when no process is left in it.</summary>
    public Task WaitEmptyAsync(CancellationToken cancellation) => WaitForEventAsync("populated", 0, cancellation);

    public void Update(Oci.LinuxResources resources)
    {
        var current = TryRead("memory.max") is { } text ? CgroupFile.ParseSingle(text, ulong.MaxValue) : ulong.MaxValue;
        foreach (var (file, value) in ResourceLimits.Writes(resources, current == ulong.MaxValue ? null : current))
        {
            // A kernel without swap accounting has no such file, and no swap to limit.
            if (file != "memory.swap.max" || File.Exists(Path.Combine(Directory, file)))
            {
                Write(file, value);
            }
        }
    }

    public ulong OomKills() =>
        TryRead("memory.events") is { } text && CgroupFile.ParseFlatKeyed(text).TryGetValue("oom_kill", out var count)
            ? count
            : 0;

    public Oci.CgroupStats Stats()
    {
        var stats = new Oci.CgroupStats();
        if (TryRead("cpu.stat") is { } cpu)
        {
            stats.CpuStats = CpuStats(CgroupFile.ParseFlatKeyed(cpu));
        }

        if (TryRead("memory.current") is { } memory)
        {
            stats.MemoryStats = MemoryStats(CgroupFile.ParseSingle(memory, 0));
        }

        if (TryRead("pids.current") is { } pids)
        {
            stats.PidsStats = new Oci.PidsStats
            {
                Current = CgroupFile.ParseSingle(pids, 0),
                Limit = CgroupFile.ParseSingle(TryRead("pids.max") ?? "max", 0),
            };
        }

        if (TryRead("io.stat") is { } io)
        {
            stats.BlkioStats = BlkioStats(CgroupFile.ParseIoStat(io));
        }

        AddHugePages(stats);
        return stats;
    }

    public string? TryRead(string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(Directory, file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static Oci.CpuStats CpuStats(Dictionary<string, ulong> values) => new()
    {
        CpuUsage = new Oci.CpuUsage
        {
            TotalUsage = Nanoseconds(values, "usage_usec"),
            UsageInKernelmode = Nanoseconds(values, "system_usec"),
            UsageInUsermode = Nanoseconds(values, "user_usec"),
        },
        ThrottlingData = new Oci.ThrottlingData
        {
            Periods = values.GetValueOrDefault("nr_periods"),
            ThrottledPeriods = values.GetValueOrDefault("nr_throttled"),
            ThrottledTime = Nanoseconds(values, "throttled_usec"),
        },
    };

    private static ulong Nanoseconds(Dictionary<string, ulong> values, string key) =>
        values.GetValueOrDefault(key) * 1000;

    private Oci.MemoryStats MemoryStats(ulong usage)
    {
        var values = CgroupFile.ParseFlatKeyed(TryRead("memory.stat") ?? "");
        var events = CgroupFile.ParseFlatKeyed(TryRead("memory.events") ?? "");
        var stats = new Oci.MemoryStats
        {
            Cache = values.GetValueOrDefault("file"),
            Usage = new Oci.MemoryData
            {
                Usage = usage,
                MaxUsage = Math.Max(usage, CgroupFile.ParseSingle(TryRead("memory.peak") ?? "0", 0)),
                Failcnt = events.GetValueOrDefault("max"),
                Limit = CgroupFile.ParseSingle(TryRead("memory.max") ?? "max", ulong.MaxValue),
            },
            KernelUsage = new Oci.MemoryData { Usage = values.GetValueOrDefault("kernel") },
        };
        if (TryRead("memory.swap.current") is { } swap)
        {
            stats.SwapUsage = new Oci.MemoryData
            {
                Usage = CgroupFile.ParseSingle(swap, 0),
                Limit = CgroupFile.ParseSingle(TryRead("memory.swap.max") ?? "max", ulong.MaxValue),
            };
        }

        foreach (var (key, value) in values)
        {
            stats.Stats[key] = value;
        }

        return stats;
    }

    private static Oci.BlkioStats BlkioStats(IReadOnlyList<IoStatValue> values)
    {
        var stats = new Oci.BlkioStats();
        foreach (var value in values)
        {
            // The names that hosts know; the kernel's are left as they are.
            var op = value.Name switch { "rbytes" => "read", "wbytes" => "write", var name => name };
            stats.IoServiceBytesRecursive.Add(new Oci.BlkioStatsEntry
            {
                Major = value.Major,
                Minor = value.Minor,
                Op = op,
                Value = value.Value,
            });
        }

        return stats;
    }

    private void AddHugePages(Oci.CgroupStats stats)
    {
        if (!System.IO.Directory.Exists(Directory))
        {
            return;
        }

        foreach (var file in System.IO.Directory.EnumerateFiles(Directory, "hugetlb.*.current"))
        {
            var name = Path.GetFileName(file);
            if (name.Contains("rsvd", StringComparison.Ordinal))
            {
                continue;
            }

            var size = name["hugetlb.".Length..^".current".Length];
            stats.HugetlbStats[size] = new Oci.HugetlbStats
            {
                Usage = CgroupFile.ParseSingle(TryRead(name) ?? "0", 0),
                Failcnt = CgroupFile.ParseFlatKeyed(TryRead($"hugetlb.{size}.events") ?? "").GetValueOrDefault("max"),
            };
        }
    }

    private async Task WaitForEventAsync(string key, ulong wanted, CancellationToken cancellation)
    {
        try
        {
            using var events = DescriptorIo.Open(Path.Combine(Directory, "cgroup.events"), OpenFlags.O_RDONLY);
            var buffer = new byte[256];
            while (true)
            {
                // Reading tells the kernel what has been seen, so a change between here and the wait is not missed.
                var read = RandomAccess.Read(events, buffer, 0);
                var text = System.Text.Encoding.ASCII.GetString(buffer, 0, read);
                if (CgroupFile.ParseFlatKeyed(text).GetValueOrDefault(key) == wanted)
                {
                    return;
                }

                await Poller.WaitPriorityAsync(events, cancellation);
            }
        }
        catch (IOException) when (!System.IO.Directory.Exists(Directory))
        {
            // Removed with everything in it.
        }
    }

    private void Write(string file, string value) => File.WriteAllText(Path.Combine(Directory, file), value);

    private void TryWrite(string file, string value)
    {
        try
        {
            Write(file, value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
