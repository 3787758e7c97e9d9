using Kata.Tests.TestHost;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>
/// A containerd with its own root and socket. The shims are started and called by the benchmarks; it takes their
/// events.
/// </summary>
internal sealed class Containerd : IAsyncDisposable
{
    private readonly Scratch _scratch = new();
    private RunningCommand? _daemon;

    /// <summary>Its socket.</summary>
    public string Address => _scratch["containerd.sock"];

    /// <summary>Its socket for events.</summary>
    public string TtrpcAddress => Address + ".ttrpc";

    /// <summary>Starts one and waits until it listens.</summary>
    public static async Task<Containerd> StartAsync()
    {
        var containerd = new Containerd();
        var config = containerd._scratch["config.toml"];
        await File.WriteAllTextAsync(config,
            $"""
            version = 2
            root = "{containerd._scratch["root"]}"
            state = "{containerd._scratch["state"]}"
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
              "io.containerd.internal.v1.opt"]
            [grpc]
              address = "{containerd.Address}"
            """);
        containerd._daemon = RunningCommand.Start("containerd", ["--config", config]);
        await Until.TrueAsync(
            () => File.Exists(containerd.TtrpcAddress) || containerd._daemon.HasExited, TimeSpan.FromSeconds(60),
            "start of containerd");
        if (containerd._daemon.HasExited)
            throw new InvalidOperationException($"containerd did not start: {containerd._daemon.Stderr}");
        return containerd;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_daemon is not null)
            await _daemon.DisposeAsync();
        _scratch.Dispose();
    }
}
