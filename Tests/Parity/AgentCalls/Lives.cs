using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Kata.Core.Domain;

namespace Kata.Tests.Parity.AgentCalls;

/// <summary>What a life was on our side.</summary>
internal sealed record Life(IReadOnlyList<AgentCall> Calls, IReadOnlyList<string> Events);

/// <summary>
/// The recorded lives, as the requests of containerd and what the guest's programs did. Each runs once.
/// </summary>
internal static class Lives
{
    private static readonly Dictionary<string, Func<RecordedShim, Task>> Scripts = new()
    {
        ["run-echo"] = shim => RunAsync(shim, "hello world\n", 0),
        ["run-exit-3"] = shim => RunAsync(shim, "", 3),
        ["run-tty"] = TerminalAsync,
        ["detached-exec-kill"] = DetachedAsync,
        ["kill-all-9"] = shim => KillAsync(shim, all: true),
        ["mounts"] = shim => KillAsync(shim, all: false),
        ["oom"] = OutOfMemoryAsync,
        ["pod-two-containers"] = PodAsync,
        ["pod-shared-pid"] = SharedPidAsync,
    };

    private static readonly ConcurrentDictionary<string, Lazy<Life>> Lived = new();

    public static IReadOnlyCollection<string> Names => Scripts.Keys;

    /// <summary>Our side of a life.</summary>
    public static Life Of(string name) => Lived.GetOrAdd(name, _ => new Lazy<Life>(() => SingleThread.Run(async () =>
    {
        await using var shim = new RecordedShim(new Recording(name));
        await Scripts[name](shim);
        return new Life(
            [.. shim.Agent.Calls.Select(call => new AgentCall(call.Method, call.Request))], EventText.Of(shim.Facts));
    }))).Value;

    private static async Task RunAsync(RecordedShim shim, string output, int code)
    {
        await shim.CreateAsync("pod");
        var process = await shim.StartAsync("pod");
        process.Print(output);
        process.Exit(code);
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");
    }

    private static async Task TerminalAsync(RecordedShim shim)
    {
        await shim.CreateAsync("pod", terminal: true, stdin: true);
        var process = await shim.StartAsync("pod");
        await shim.ResizeAsync("pod", 40, 20);
        await TypeAsync("abc\n");
        process.Print("abc\r\n");
        await TypeAsync("exit\n");
        process.Exit(0);
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");

        async Task TypeAsync(string line)
        {
            var before = process.Input.Length;
            await shim.ClientOf("pod").Input.WriteAsync(Encoding.UTF8.GetBytes(line), CancellationToken.None);
            await shim.UntilAsync(() => process.Input.Length == before + line.Length);
        }
    }

    private static async Task DetachedAsync(RecordedShim shim)
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.LookAsync("pod");
        await ExecAsync(shim, "pod", "e1", ["echo", "from", "exec"], "from exec\n", 0);
        await ExecAsync(shim, "pod", "e3", ["exit", "7"], "", 7, process =>
        {
            process["user"] = new JsonObject { ["uid"] = 1000, ["gid"] = 1000, ["additionalGids"] = new JsonArray(1000) };
            process["cwd"] = "/root";
        });
        await shim.ExecAsync("pod", "e4", ["sleep", "500"]);
        await shim.StartAsync("pod", "e4");
        await shim.KillAsync("pod", 15, "e4");
        await shim.WaitAsync("pod", "e4");
        await shim.DeleteAsync("pod", "e4");
        await shim.StatsAsync("pod");
        await shim.StatsAsync("pod");
        await shim.PauseAsync("pod");
        await shim.Invoking(s => s.ExecAsync("pod", "e5", ["echo", "while", "paused"]))
            .Should().ThrowAsync<KataException>();
        await shim.ResumeAsync("pod");
        await shim.KillAsync("pod", 10);
        await shim.KillAsync("pod", 15);
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");
    }

    private static async Task KillAsync(RecordedShim shim, bool all)
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.KillAsync("pod", 9, all: all);
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");
    }

    private static async Task OutOfMemoryAsync(RecordedShim shim)
    {
        await shim.CreateAsync("pod");
        var process = await shim.StartAsync("pod");
        await shim.Agent.OutOfMemory.Writer.WriteAsync("pod");
        await shim.UntilAsync(() => shim.Facts.Any(fact => fact is Core.Domain.Containers.ContainerOutOfMemory));
        process.Exit(137);
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");
    }

    private static async Task PodAsync(RecordedShim shim)
    {
        await CreatePodAsync(shim);
        await ExecAsync(shim, "c1", "e1", ["echo", "in", "one"], "in one\n", 0);
        await ExecAsync(shim, "c2", "e2", ["echo", "sync", "in", "two"], "sync in two\n", 0);

        await shim.ExecAsync("c1", "e3", ["cat"], stdin: true);
        var cat = await shim.StartAsync("c1", "e3");
        await shim.ClientOf("c1", "e3").Input.WriteAsync("one\ntwo\n"u8.ToArray(), CancellationToken.None);
        shim.ClientOf("c1", "e3").Input.Close();
        await cat.InputEnded;
        cat.Print("one\ntwo\n");
        cat.Exit(0);
        await shim.WaitAsync("c1", "e3");
        await shim.DeleteAsync("c1", "e3");

        await shim.StatsAsync("c2");
        await shim.StatsAsync("c1");
        await shim.UpdateAsync("c1", resources =>
        {
            resources["memory"] = new JsonObject { ["limit"] = 134217728, ["swap"] = 134217728 };
            resources["cpu"] = new JsonObject { ["shares"] = 512, ["quota"] = 70000, ["period"] = 100000 };
        });
        await RemovePodAsync(shim);
    }

    private static async Task SharedPidAsync(RecordedShim shim)
    {
        await CreatePodAsync(shim);
        await RemovePodAsync(shim);
    }

    private static async Task CreatePodAsync(RecordedShim shim)
    {
        await shim.CreateAsync("pod", streams: false);
        await shim.StartAsync("pod");
        foreach (var id in new[] { "c1", "c2" })
        {
            await shim.CreateAsync(id);
            await shim.StartAsync(id);
        }
    }

    private static async Task RemovePodAsync(RecordedShim shim)
    {
        foreach (var (id, signal) in new[] { ("c1", 15u), ("c2", 9u), ("pod", 9u) })
        {
            await shim.KillAsync(id, signal);
            await shim.WaitAsync(id);
            await shim.DeleteAsync(id);
        }
    }

    private static async Task ExecAsync(
        RecordedShim shim, string id, string exec, string[] words, string output, int code,
        Action<JsonObject>? change = null)
    {
        await shim.ExecAsync(id, exec, words, change);
        var process = await shim.StartAsync(id, exec);
        process.Print(output);
        process.Exit(code);
        await shim.WaitAsync(id, exec);
        await shim.DeleteAsync(id, exec);
    }
}
