using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>A test that starts pods of its own and finds the host after it exactly as it was before.</summary>
[Collection(PodTests.Name)]
[Trait("area", "pods")]
public abstract class PodTest(PodHost host) : IAsyncLifetime
{
    private HostUnchanged? _unchanged;

    protected PodHost Host { get; } = host;

    public Task InitializeAsync()
    {
        _unchanged = new HostUnchanged(Host);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _unchanged!.AssertAsync(GetType().Name);
}

/// <summary>One pod with one container for all tests of a class.</summary>
public sealed class SharedPodLife : IAsyncLifetime
{
    private HostUnchanged? _unchanged;
    private Pod? _pod;
    private Task<(Pod Pod, string Container)>? _started;

    // Once: a pod that does not start must not be tried again for each test.
    internal Task<(Pod Pod, string Container)> GetAsync(PodHost host) => _started ??= StartAsync(host);

    public Task InitializeAsync() => Task.CompletedTask;

    private async Task<(Pod Pod, string Container)> StartAsync(PodHost host)
    {
        _unchanged = new HostUnchanged(host);
        _pod = await Pod.RunAsync(host);
        return (_pod, await _pod.StartAsync(_pod.NewContainer()));
    }

    public async Task DisposeAsync()
    {
        if (_pod is null)
            return;
        await _pod.DisposeAsync();
        await _unchanged!.AssertAsync(_pod.Config.Metadata.Name);
    }
}

/// <summary>Base of the classes whose tests share a pod with one container that sleeps.</summary>
[Collection(PodTests.Name)]
[Trait("area", "pods")]
public abstract class SharedPodTest(PodHost host, SharedPodLife life) : IAsyncLifetime, IClassFixture<SharedPodLife>
{
    protected PodHost Host { get; } = host;

    protected Pod Pod { get; private set; } = null!;

    /// <summary>The container that sleeps.</summary>
    protected string Container { get; private set; } = "";

    public async Task InitializeAsync() => (Pod, Container) = await life.GetAsync(Host);

    public Task DisposeAsync() => Task.CompletedTask;
}
