using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>One running container for all tests of a class; the host must be as before when they are through.</summary>
public sealed class SharedContainer : IAsyncDisposable
{
    private readonly HostUnchanged _unchanged;
    private int _execs;

    private SharedContainer(PrivateContainerd host)
    {
        Host = host;
        Id = host.NewId("shared");
        _unchanged = new HostUnchanged(host);
    }

    public PrivateContainerd Host { get; }

    public string Id { get; }

    public static async Task<SharedContainer> StartAsync(PrivateContainerd host)
    {
        var container = new SharedContainer(host);
        (await host.CtrAsync(PrivateContainerd.RunArguments(container.Id, ["--detach", "--null-io"], "sleep",
            "100000"))).Exited(0);
        return container;
    }

    public string NewExecId() => $"x{Interlocked.Increment(ref _execs)}";

    public Task<CommandResult> ExecAsync(params string[] command) =>
        Host.CtrAsync(["task", "exec", "--exec-id", NewExecId(), Id, .. command]);

    public Task<CommandResult> ExecAsync(ReadOnlyMemory<byte> input, params string[] command) =>
        Host.CtrAsync(TimeSpan.FromMinutes(1), input, ["task", "exec", "--exec-id", NewExecId(), Id, .. command]);

    public RunningCommand StartExec(string execId, params string[] command) =>
        Host.StartCtr(["task", "exec", "--exec-id", execId, Id, .. command]);

    public async ValueTask DisposeAsync()
    {
        (await Host.CtrAsync("task", "kill", "--signal", "SIGKILL", Id)).Exited(0);
        // delete says 137 in its own exit code: the task's status.
        await Until.TrueAsync(
            async () => (await Host.CtrAsync("task", "delete", Id))
                .Stderr.Contains("not found", StringComparison.Ordinal),
            TestSettings.StartLimit, () => $"{Id} does not go");
        (await Host.CtrAsync("containers", "delete", Id)).Exited(0);
        await _unchanged.AssertAsync(Id);
    }
}

/// <summary>Makes the shared container when the first test asks, inside the class's life.</summary>
public sealed class SharedContainerLife : IAsyncLifetime
{
    private SharedContainer? _container;

    public async Task<SharedContainer> GetAsync(PrivateContainerd host) =>
        _container ??= await SharedContainer.StartAsync(host);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_container is not null)
            await _container.DisposeAsync();
    }
}

/// <summary>Base of the classes whose tests look at one running container.</summary>
[Collection(ContainerdTests.Name)]
public abstract class SharedContainerTest(
    PrivateContainerd host, SharedContainerLife life) : IAsyncLifetime, IClassFixture<SharedContainerLife>
{
    protected PrivateContainerd Host { get; } = host;

    protected SharedContainer Container { get; private set; } = null!;

    public async Task InitializeAsync() => Container = await life.GetAsync(Host);

    public Task DisposeAsync() => Task.CompletedTask;
}
