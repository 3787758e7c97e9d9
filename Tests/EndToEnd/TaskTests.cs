using System.Text.Json;
using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>Pause, resume, update, metrics and ps of one running container.</summary>
public sealed class TaskTests(PrivateContainerd host, SharedContainerLife life) : SharedContainerTest(host, life)
{
    [Fact]
    public async Task Pause_and_resume_when_the_container_works_stop_it_and_let_it_go_on()
    {
        var exec = Container.NewExecId();
        await using var counter = Container.StartExec(
            exec, "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done");
        await counter.WaitForOutputAsync("\n3\n", TestSettings.StartLimit);

        (await Host.CtrAsync("task", "pause", Container.Id)).Exited(0);
        (await StatusAsync()).Should().Be("PAUSED");
        var refused = await Container.ExecAsync("true");
        var paused = await SettledAsync(() => counter.Stdout);
        (await Host.CtrAsync("task", "resume", Container.Id)).Exited(0);

        refused.ExitCode.Should().NotBe(0);
        (await StatusAsync()).Should().Be("RUNNING");
        await counter.WaitForOutputAsync(o => o.Length > paused.Length, TestSettings.StartLimit);
        (await Host.CtrAsync("task", "kill", "--signal", "SIGKILL", "--exec-id", exec, Container.Id)).Exited(0);
        await counter.ExitAsync(TestSettings.StartLimit);
    }

    [Fact]
    public async Task Update_of_limits_shows_in_the_metrics()
    {
        using var tasks = new TasksApi(Host);

        await tasks.UpdateAsync(Container.Id, """{"pids":{"limit":77},"memory":{"limit":134217728}}""");

        using var metrics = await MetricsAsync();
        metrics.RootElement.GetProperty("pids").GetProperty("limit").GetUInt64().Should().Be(77);
        MemoryLimit(metrics).Should().Be(134217728);
    }

    [Fact]
    public async Task Update_with_limits_of_another_type_is_refused()
    {
        using var tasks = new TasksApi(Host);

        var update = () => tasks.UpdateAsync(Container.Id, "not JSON at all");

        (await update.Should().ThrowAsync<InvalidOperationException>()).Which.Message.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Metrics_when_running_are_real_figures()
    {
        using var metrics = await MetricsAsync();

        metrics.RootElement.GetProperty("pids").GetProperty("current").GetUInt64().Should().BeInRange(1, 20);
        CpuUsage(metrics).Should().BePositive();
        MemoryUsage(metrics).Should().BeInRange(10_000, 512 << 20);
    }

    [Fact]
    public async Task Ps_when_running_names_a_process()
    {
        var ps = (await Host.CtrAsync("task", "ps", Container.Id)).Exited(0);

        ps.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Should().NotBeEmpty()
            .And.AllSatisfy(
                l =>
                    int.Parse(l.Split(' ', '\t')[0], System.Globalization.CultureInfo.InvariantCulture)
                        .Should().BePositive());
    }

    private async Task<string> StatusAsync() =>
        (await Host.CtrAsync("task", "list")).Exited(0).Stdout.Split('\n')
            .First(l => l.StartsWith(Container.Id, StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];

    // What was under way when the pause came still arrives; afterwards nothing may.
    private static async Task<string> SettledAsync(Func<string> output)
    {
        var last = output();
        await Until.TrueAsync(async () =>
        {
            await Task.Delay(500);
            var now = output();
            var same = now == last;
            last = now;
            return same;
        }, TimeSpan.FromSeconds(10), () => "a paused process goes on printing");
        return last;
    }

    private async Task<JsonDocument> MetricsAsync() =>
        JsonDocument.Parse((await Host.CtrAsync("task", "metrics", "--format", "json", Container.Id)).Exited(0).Stdout);

    private static ulong MemoryUsage(JsonDocument metrics) => Memory(metrics, "usage");

    private static ulong MemoryLimit(JsonDocument metrics) => Memory(metrics, "limit");

    // cgroup v1 nests {usage: {usage, limit}}, v2 has usage and usage_limit side by side.
    private static ulong Memory(JsonDocument metrics, string name)
    {
        var memory = metrics.RootElement.GetProperty("memory");
        var usage = memory.GetProperty("usage");
        return usage.ValueKind == JsonValueKind.Object
            ? usage.GetProperty(name).GetUInt64()
            : memory.GetProperty(name == "limit" ? "usage_limit" : name).GetUInt64();
    }

    private static ulong CpuUsage(JsonDocument metrics)
    {
        var cpu = metrics.RootElement.GetProperty("cpu");
        return cpu.TryGetProperty("usage", out var v1)
            ? v1.GetProperty("total").GetUInt64()
            : cpu.GetProperty("usage_usec").GetUInt64();
    }
}
