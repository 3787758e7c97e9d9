using System.Diagnostics;
using System.Text.Json.Nodes;
using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Protos.Containerd.TaskV2;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Xunit;
using Status = Kata.Platform.Protos.Containerd.Types.Status;
using Task = System.Threading.Tasks.Task;
using V1 = Kata.Platform.Protos.Containerd.Cgroups1;
using V2 = Kata.Platform.Protos.Containerd.Cgroups2;

namespace Kata.Tests.EndToEnd.Crio;

/// <summary>A pod as CRI-O runs it, with CRI-O's side played here.</summary>
[Trait("peers", "no")]
public sealed class CrioTests(PrivateContainerd host) : EndToEndTest(host)
{
    private const string Beside = "trap 'echo bye; exit 7' TERM; echo beside; while :; do sleep 0.1; done";

    // Two of a pod's annotations on sizes are containerd's alone: under CRI-O the machine grows with each container.
    private static readonly JsonObject Limits = new()
    {
        ["memory"] = new JsonObject { ["limit"] = 134217728 },
        ["cpu"] = new JsonObject { ["quota"] = 100000, ["period"] = 100000, ["shares"] = 1024 },
        ["pids"] = new JsonObject { ["limit"] = 100 },
    };

    [MachineFact]
    public async Task A_pod_with_two_containers_lives_as_CRI_O_runs_it_and_leaves_the_host_unchanged()
    {
        await using var crio = new CrioHost(Host);
        var podId = Host.NewId("crio");
        var network = await crio.MakeNetworkAsync("crio0");
        var cgroup = $"/{Host.Mark}";

        await using var pod = await CrioContainer.CreateAsync(
            crio, podId, CrioSpecification.Pod(podId, await crio.MountPauseAsync(podId), network, cgroup));
        pod.Address.Should().StartWith("unix:///", "nothing else may be printed, on either stream");
        (await pod.StartAsync()).Status.Should().Be(Status.Running);

        var (limitedId, besideId) = ($"{podId}-a", $"{podId}-b");
        await using var limited = await CrioContainer.CreateAsync(crio, limitedId, CrioSpecification.Container(
            limitedId, podId, await crio.MountRootAsync(limitedId), network, cgroup, Limits,
            "echo first; while :; do sleep 0.1; done"));
        await using var beside = await CrioContainer.CreateAsync(
            crio, besideId, await ReadOnlyAsync(crio, besideId, podId, network));
        limited.Address.Should().Be(pod.Address);
        beside.Address.Should().Be(pod.Address);
        (await beside.StateAsync()).Status.Should().Be(Status.Created);
        (await limited.StartAsync()).Status.Should().Be(Status.Running);
        (await beside.StartAsync()).Status.Should().Be(Status.Running);
        await SaysAsync(limited, "first");
        await SaysAsync(beside, "beside");
        await IsReadOnlyAsync(beside);

        await ShowsItsLimitsAsync(limited);
        await ExecsAsync(beside);
        await TellsFiguresAsync(limited);
        await SurvivesARestartAsync(beside);
        await UpdatesAsync(limited);
        await EndsForLackOfMemoryAsync(crio, podId, network);
        await IsRefusedAsync(crio, podId, network);
        await StopsAsync(beside, 15, 7);
        (await limited.IsAliveAsync())
            .Should().BeTrue("the Shutdown that follows a removal must not end a pod that lives");

        var killed = await limited.StopAsync(15, TimeSpan.FromMilliseconds(300));
        killed.ExitStatus.Should().Be(137);
        await limited.RemoveAsync();
        (await pod.IsAliveAsync()).Should().BeTrue();
        (await pod.StopAsync(9, TimeSpan.FromSeconds(10))).ExitStatus.Should().Be(137);
        await pod.RemoveAsync();
    }

    // CRI-O runs no delete for a shim that died, as containerd does.
    [MachineFact]
    public async Task A_pod_whose_shim_was_killed_is_released_by_reap_and_not_before_it()
    {
        await using var crio = new CrioHost(Host);
        var (deadId, livingId) = (Host.NewId("dead"), Host.NewId("lives"));
        var network = await crio.MakeNetworkAsync("crio3");
        await using var dead = await CrioContainer.CreateAsync(
            crio, deadId, CrioSpecification.Pod(deadId, await crio.MountPauseAsync(deadId), network, $"/{Host.Mark}"));
        await dead.StartAsync();
        await using var living = await CrioContainer.CreateAsync(
            crio, livingId,
            CrioSpecification.Pod(
                livingId, await crio.MountPauseAsync(livingId), await crio.MakeNetworkAsync("crio4"), $"/{Host.Mark}"));
        await living.StartAsync();
        var shim = HostPicture.Processes(Host.InitPid)
            .Single(p => p.Line.Contains($"-id {deadId} -socket", StringComparison.Ordinal));
        (await Host.InsideAsync("kata-runtime", "reap")).Exited(0)
            .Stdout.Should().Be("0 left by dead shims, 2 with a living one\n");

        using (var process = Process.GetProcessById(shim.Pid))
            process.Kill();
        await Until.TrueAsync(
            () => HostPicture.Processes(Host.InitPid).All(p => p.Pid != shim.Pid), TimeSpan.FromSeconds(10),
            () => "the shim does not end");

        var look = (await Host.InsideAsync("kata-runtime", "reap", "--dry-run")).Exited(0).Stdout;
        look.Should().Contain($"{deadId}  would be released\n")
            .And.Contain("1 left by dead shims, 1 with a living one").And.NotContain(livingId);
        Directory.Exists(Host.Seen($"/run/vc/sbs/{deadId}")).Should().BeTrue();
        (await Host.InsideAsync("kata-runtime", "reap")).Exited(0).Stdout.Should().Contain($"{deadId}  released\n");
        (await Host.InsideAsync("kata-runtime", "reap")).Exited(0)
            .Stdout.Should().Be("0 left by dead shims, 1 with a living one\n");
        (await living.IsAliveAsync()).Should().BeTrue();
        await EndAsync(living);
    }

    [MachineFact]
    public async Task Containers_that_were_never_started_end_at_once_when_stopped_and_so_does_their_output()
    {
        await using var crio = new CrioHost(Host);
        var podId = Host.NewId("created");
        var network = await crio.MakeNetworkAsync("crio0");
        var cgroup = $"/{Host.Mark}";
        await using var pod = await CrioContainer.CreateAsync(
            crio, podId, CrioSpecification.Pod(podId, await crio.MountPauseAsync(podId), network, cgroup));
        var besideId = $"{podId}-a";
        await using var beside = await CrioContainer.CreateAsync(crio, besideId, CrioSpecification.Container(
            besideId, podId, await crio.MountRootAsync(besideId), network, cgroup, null, Beside));
        beside.OutputHasEnded.Should().BeFalse();
        var clock = Stopwatch.StartNew();

        (await beside.StopAsync(15, TimeSpan.FromSeconds(30))).ExitStatus.Should().Be(143);

        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(20));
        beside.OutputHasEnded.Should().BeTrue();
        await beside.RemoveAsync();
        (await pod.StopAsync(9, TimeSpan.FromSeconds(30))).ExitStatus.Should().Be(137);
        pod.OutputHasEnded.Should().BeTrue();
        await pod.RemoveAsync();
    }

    [MachineFact]
    public async Task A_container_that_ends_while_CRI_O_is_down_has_said_its_last_words_when_it_is_back()
    {
        await using var crio = new CrioHost(Host);
        var podId = Host.NewId("down");
        var network = await crio.MakeNetworkAsync("crio5");
        await using var pod = await CrioContainer.CreateAsync(
            crio, podId, CrioSpecification.Pod(podId, await crio.MountPauseAsync(podId), network, $"/{Host.Mark}"));
        await pod.StartAsync();
        var id = $"{podId}-a";
        await using var container = await CrioContainer.CreateAsync(crio, id, CrioSpecification.Container(
            id, podId, await crio.MountRootAsync(id), network, $"/{Host.Mark}", null, Beside));
        await container.StartAsync();
        await SaysAsync(container, "beside");

        container.CloseStreams();
        await container.Task.KillAsync(new KillRequest { Id = id, Signal = 15 });
        await Until.TrueAsync(
            async () => (await container.StateAsync()).Status == Status.Stopped, TimeSpan.FromSeconds(30),
            () => "it does not end");
        await container.ReconnectAsync();
        await container.ReopenStreamsAsync();

        await SaysAsync(container, "bye");
        await Until.TrueAsync(
            () => container.OutputHasEnded, TimeSpan.FromSeconds(10), () => "its output does not end");
        (await container.StateAsync()).ExitStatus.Should().Be(7);
        await EndAsync(container);
        await EndAsync(pod);
    }

    [MachineFact]
    public async Task A_pod_whose_overhead_lives_apart_has_its_vcpus_in_the_pods_cgroup_and_leaves_neither()
    {
        using var configuration = Host.Configuration.With(("runtime", "sandbox_cgroup_only", "false"));
        await using var crio = new CrioHost(Host);
        var podId = Host.NewId("apart");
        var network = await crio.MakeNetworkAsync("crio1");
        await using var pod = await CrioContainer.CreateAsync(
            crio, podId, CrioSpecification.Pod(podId, await crio.MountPauseAsync(podId), network, $"/{Host.Mark}"));
        await pod.StartAsync();

        var process = await File.ReadAllTextAsync(Host.Seen($"/proc/{pod.Pid}/cgroup"));
        var threads = Directory.EnumerateDirectories(Host.Seen($"/proc/{pod.Pid}/task"))
            .SelectMany(thread => File.ReadLines($"{thread}/cgroup")).ToList();
        if (File.Exists("/sys/fs/cgroup/cgroup.controllers"))
        {
            process.Should().Contain($"/{Host.Mark}/kata_crio-{podId}");
        }
        else
        {
            process.Should().Contain($"/kata_overhead/kata_{podId}").And.NotContain("crio-");
            threads.Should().Contain(
                line =>
                    line.Contains(":cpu", StringComparison.Ordinal)
                        && line.EndsWith($"/kata_crio-{podId}", StringComparison.Ordinal));
            threads.Should().NotContain(
                line =>
                    line.Contains(":memory:", StringComparison.Ordinal)
                        && line.EndsWith($"/kata_crio-{podId}", StringComparison.Ordinal));
        }

        await pod.StopAsync(9, TimeSpan.FromSeconds(10));
        await pod.RemoveAsync();
    }

    // containerd leaves limits of huge pages out on a host whose cgroups have none; CRI-O hands them on.
    [MachineFact]
    public async Task Volumes_of_huge_pages_have_the_guests_own_each_as_many_as_asked()
    {
        await using var crio = new CrioHost(Host);
        var podId = Host.NewId("pages");
        var network = await crio.MakeNetworkAsync("crio2");
        await using var pod = await CrioContainer.CreateAsync(
            crio, podId, CrioSpecification.Pod(podId, await crio.MountPauseAsync(podId), network, $"/{Host.Mark}"));
        await pod.StartAsync();
        var volumes = new[] { "large", "small" }.Select(
            name => Path.Combine(Host.Directory, podId, "volumes/kubernetes.io~empty-dir", name)).ToList();
        foreach (var volume in volumes)
            (await Host.InsideAsync("sh", "-c",
                $"mkdir -p {volume} && busybox mount -t hugetlbfs -o pagesize=2M hugetlbfs {volume}")).Exited(0);
        try
        {
            await using var large = await StartWithPagesAsync(crio, podId, network, "a", volumes[0], 4);
            await using var small = await StartWithPagesAsync(crio, podId, network, "b", volumes[1], 2);

            (await PagesAsync(large, "busybox fallocate -l 4194304 /pages/x")).Should().Be("hugetlbfs\n6\n4\n");
            await EndAsync(small);
            // A volume lives as long as its pod, and whoever comes to it again takes no more.
            await using var again = await StartWithPagesAsync(crio, podId, network, "c", volumes[1], 2);
            (await PagesAsync(again, "true")).Should().Be("hugetlbfs\n6\n4\n");
            await EndAsync(again);
            await EndAsync(large);
            await pod.StopAsync(9, TimeSpan.FromSeconds(10));
            await pod.RemoveAsync();
        }
        finally
        {
            foreach (var volume in volumes)
                (await Host.InsideAsync("busybox", "umount", volume)).Exited(0);
        }
    }

    // No mount point of it is in the image, the volume's neither.
    private async Task<JsonObject> ReadOnlyAsync(CrioHost crio, string id, string podId, string network)
    {
        var volume = Path.Combine(Host.Directory, $"{id}-volume");
        Directory.CreateDirectory(volume);
        var specification = CrioSpecification.Container(
            id, podId, await crio.MountRootAsync(id), network, $"/{Host.Mark}", null, Beside, readOnly: true);
        specification["mounts"]!.AsArray().Add(new JsonObject
        {
            ["destination"] = "/var/data/vol",
            ["type"] = "bind",
            ["source"] = volume,
            ["options"] = new JsonArray("rbind", "rprivate", "rw", "bind"),
        });
        return specification;
    }

    private static async Task IsReadOnlyAsync(CrioContainer container)
    {
        var (code, output) = await container.ExecSyncAsync(
            "busybox", "sh", "-c",
            "cat /etc/resolv.conf; echo kept > /var/data/vol/x && cat /var/data/vol/x; echo no > /x");
        output.Should().Contain("nameserver 10.88.0.1\nkept\n").And.Contain("Read-only file system");
        code.Should().NotBe(0);
    }

    private async Task<CrioContainer> StartWithPagesAsync(
        CrioHost crio, string podId, string network, string name, string volume, int pages)
    {
        var id = $"{podId}-{name}";
        var limits = new JsonObject { ["hugepageLimits"] = new JsonArray(new JsonObject { ["pageSize"] = "2MB", ["limit"] = pages << 21 }) };
        var specification = CrioSpecification.Container(
            id, podId, await crio.MountRootAsync(id), network, $"/{Host.Mark}", limits, "while :; do sleep 0.1; done");
        specification["mounts"]!.AsArray().Add(new JsonObject
        {
            ["destination"] = "/pages",
            ["type"] = "bind",
            ["source"] = volume,
            ["options"] = new JsonArray("rbind", "rw"),
        });
        var container = await CrioContainer.CreateAsync(crio, id, specification);
        await container.StartAsync();
        return container;
    }

    private static async Task EndAsync(CrioContainer container)
    {
        await container.StopAsync(9, TimeSpan.FromSeconds(10));
        await container.RemoveAsync();
    }

    // The kind of the volume, and the guest's pages: all and free ones.
    private static async Task<string> PagesAsync(CrioContainer container, string first)
    {
        var (code, output) = await container.ExecSyncAsync("busybox", "sh", "-c",
            $"{first} && grep ' /pages ' /proc/mounts | cut -d' ' -f3 && awk '/HugePages_(Total|Free)/ {{print $2}}' /proc/meminfo");
        code.Should().Be(0, output);
        return output;
    }

    private async Task EndsForLackOfMemoryAsync(CrioHost crio, string podId, string network)
    {
        var id = $"{podId}-c";
        var limits = new JsonObject { ["memory"] = new JsonObject { ["limit"] = 16777216, ["swap"] = 16777216 } };
        await using var container = await CrioContainer.CreateAsync(crio, id, CrioSpecification.Container(
            id, podId, await crio.MountRootAsync(id), network, $"/{Host.Mark}", limits,
            "busybox dd if=/dev/zero of=/dev/null bs=64M count=1; exit $?"));

        await container.StartAsync();
        var ended = await container.Waiting!;

        ended.ExitStatus.Should().NotBe(0);
        await Until.TrueAsync(
            () => File.Exists(Host.Seen($"{container.Bundle}/oom")), TimeSpan.FromSeconds(5),
            () => $"no oom file after exit {ended.ExitStatus}");
        await container.RemoveAsync();
    }

    private async Task IsRefusedAsync(CrioHost crio, string podId, string network)
    {
        var id = $"{podId}-d";
        var limits = new JsonObject { ["memory"] = new JsonObject { ["limit"] = 1L << 46 } };
        var specification = CrioSpecification.Container(
            id, podId, await crio.MountRootAsync(id), network, $"/{Host.Mark}", limits, "true");

        var refused = await FluentActions.Awaiting(() => CrioContainer.CreateAsync(crio, id, specification))
            .Should().ThrowAsync<RpcException>();

        refused.Which.StatusCode.Should().Be(StatusCode.ResourceExhausted);
        refused.Which.Status.Detail.Should().Contain("a machine of 67109696 MiB").And.Contain("default_maxmemory");
    }

    private static async Task ShowsItsLimitsAsync(CrioContainer container)
    {
        var (code, output) = await container.ExecSyncAsync(
            "busybox", "sh", "-c",
            "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max; grep MemTotal /proc/meminfo; cat /sys/devices/system/cpu/online");
        code.Should().Be(0, output);
        var lines = output.Split('\n');
        lines[..3].Should().Equal("134217728", "100000 100000", "100");
        long.Parse(lines[3].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1])
            .Should().BeGreaterThan(560_000, "128 MiB were added to the machine's 512");
        if (Environment.ProcessorCount > 1)
            lines[4].Should().Be("0-1", "a vCPU was added");
    }

    private static async Task ExecsAsync(CrioContainer container)
    {
        for (var i = 0; i < 5; i++)
        {
            var (code, output) = await container.ExecSyncAsync(
                "busybox", "sh", "-c", $"echo out {i}; echo err >&2; exit {i}");
            code.Should().Be((uint)i);
            output.Should().Contain($"out {i}")
                .And.Contain("err", "what was written before the end is there when Wait answers");
        }
    }

    private async Task TellsFiguresAsync(CrioContainer container)
    {
        var any = (await container.Task.StatsAsync(new StatsRequest { Id = container.Id })).Stats;
        if (any.TypeUrl.Contains("v2", StringComparison.Ordinal))
        {
            var metrics = V2.Metrics.Parser.ParseFrom(any.Value);
            ((object?[])[metrics.Cpu, metrics.Memory, metrics.Pids]).Should().NotContainNulls();
            metrics.Memory.UsageLimit.Should().Be(134217728);
            metrics.Cpu.UsageUsec.Should().BePositive();
        }
        else
        {
            var metrics = V1.Metrics.Parser.ParseFrom(any.Value);
            ((object?[])[metrics.Cpu.Throttling, metrics.Memory.Swap, metrics.Memory.Kernel, metrics.Memory.KernelTcp])
                .Should().NotContainNulls();
            metrics.Memory.Usage.Limit.Should().Be(134217728);
            metrics.Memory.Usage.Usage.Should().BePositive();
            metrics.Cpu.Usage.Total.Should().BePositive();
            metrics.Pids.Limit.Should().Be(100);
        }
    }

    private static async Task SurvivesARestartAsync(CrioContainer container)
    {
        await container.ReconnectAsync();
        (await container.StateAsync()).Status.Should().Be(Status.Running);
        (await container.IsAliveAsync()).Should().BeTrue();
    }

    private static async Task UpdatesAsync(CrioContainer container)
    {
        await container.UpdateAsync(
            """{"memory":{"limit":201326592},"cpu":{"quota":50000,"period":100000},"pids":{"limit":50}}""");
        var (_, output) = await container.ExecSyncAsync(
            "busybox", "cat", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/pids.max");
        output.Split('\n')[..3].Should().Equal("201326592", "50000 100000", "50");

        var refused = await container.Awaiting(c => c.UpdateAsync("""{"cpu":{"period":7}}"""))
            .Should().ThrowAsync<RpcException>();
        refused.Which.StatusCode.Should().Be(StatusCode.InvalidArgument);
        refused.Which.Status.Detail.Should().Contain("linux.resources.cpu.period is 7");
        (await container.IsAliveAsync()).Should().BeTrue();
    }

    private static async Task StopsAsync(CrioContainer container, uint signal, uint code)
    {
        (await container.StopAsync(signal, TimeSpan.FromSeconds(10))).ExitStatus.Should().Be(code);
        await SaysAsync(container, "bye");
        var state = await container.StateAsync();
        (state.Status, state.ExitStatus).Should().Be((Status.Stopped, code));
        state.ExitedAt.Should().NotBeNull();
        (await container.IsAliveAsync()).Should().BeFalse();

        // CRI-O fails a stop for any error of a Kill, and a removal for any of a Delete.
        await container.Task.KillAsync(new KillRequest { Id = container.Id, Signal = 15 });
        await container.Task.KillAsync(new KillRequest { Id = container.Id, Signal = 9 });
        await container.RemoveAsync();
        await container.RemoveAsync();
    }

    private static Task SaysAsync(CrioContainer container, string word) => Until.TrueAsync(
        () => container.Output.Contains(word, StringComparison.Ordinal), TimeSpan.FromSeconds(20),
        () => $"{container.Id} does not say '{word}' but '{container.Output}'");
}
