using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness;

/// <summary>Bundles in memory. A process document is the name of a guest program.</summary>
public sealed class HarnessBundles(HarnessHost host) : IBundleReader
{
    /// <summary>The bundles by their directory.</summary>
    public Dictionary<HostPath, OciSpec> Specs { get; } = [];

    /// <summary>Limits by the name that stands for their document.</summary>
    public Dictionary<string, OciResources> Updates { get; } = [];

    /// <inheritdoc/>
    public async Task<OciSpec> ReadAsync(HostPath bundle, CancellationToken ct)
    {
        await host.EnterAsync("bundle.read", ct);
        return Specs.TryGetValue(bundle, out var spec)
            ? spec
            : throw new KataException(ErrorKind.InvalidArgument, $"bundle {bundle} has no config.json");
    }

    /// <summary>Texts by their path.</summary>
    public Dictionary<HostPath, string[]> Texts { get; } = [];

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ReadLinesAsync(HostPath file, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>(Texts.GetValueOrDefault(file) ?? []);

    /// <inheritdoc/>
    public OciProcess ReadProcess(ReadOnlyMemory<byte> json)
    {
        host.Enter("bundle.read-process");
        return json.IsEmpty
            ? throw new KataException(ErrorKind.InvalidArgument, "the process document is empty")
            : new OciProcess { Args = [Encoding.UTF8.GetString(json.Span)], SelinuxLabel = "host:label" };
    }

    /// <inheritdoc/>
    public OciResources ReadResources(ReadOnlyMemory<byte> json) => json.IsEmpty
        ? throw new KataException(ErrorKind.InvalidArgument, "the resources document is empty")
        : Updates.TryGetValue(Encoding.UTF8.GetString(json.Span), out var update) ? update
        : new OciResources { Cpu = new OciCpu { Shares = (ulong)json.Length, Cpus = "0-3" } };
}

/// <summary>Settings in memory.</summary>
public sealed class HarnessSettings(HarnessHost host) : ISettingsSource
{
    /// <summary>What is read.</summary>
    public RuntimeSettings Settings { get; set; } = new()
    {
        Source = "the harness",
        Hypervisor = new HypervisorSettings
        {
            Name = "qemu",
            Path = "/usr/bin/qemu",
            Kernel = "/boot/kernel",
            Initrd = "/boot/initrd",
            VirtioFsDaemon = "/usr/bin/virtiofsd",
            MaxMemoryMib = 8192
        },
    };

    /// <inheritdoc/>
    public async Task<RuntimeSettings> ReadAsync(
        RuntimeOptions? options, IReadOnlyDictionary<string, string> annotations, CancellationToken ct)
    {
        await host.EnterAsync("settings.read", ct);
        return options?.ConfigPath is { } path && host.Missing.Contains(path)
            ? throw new KataException(ErrorKind.InvalidArgument, $"configuration {path} is missing")
            : Settings;
    }
}

/// <summary>Boot assets that are always found.</summary>
public sealed class HarnessAssets(HarnessHost host) : IBootAssets
{
    /// <summary>Files that are missing.</summary>
    public HashSet<string> Missing { get; } = [];

    /// <inheritdoc/>
    public async Task<BootAssets> FindAsync(HypervisorSettings settings, CancellationToken ct)
    {
        await host.EnterAsync("assets.find", ct);
        if (settings.Initrd.Length > 0 == settings.Image.Length > 0)
            throw new KataException(ErrorKind.InvalidArgument, "set one of initrd and image");
        return new BootAssets
        {
            Kernel = Find(settings.Kernel, "kernel"),
            Initrd = settings.Initrd.Length > 0 ? Find(settings.Initrd, "initrd") : null,
            Image = settings.Image.Length > 0 ? Find(settings.Image, "image") : null,
            KernelParameters = settings.KernelParameters,
        };
    }

    private HostPath Find(string path, string key) => Missing.Contains(path)
        ? throw new KataException(
            ErrorKind.NotFound, $"{key} {path} is missing: build the guest image or name another one by the key {key}")
        : HostPath.Parse(path, key);
}

/// <summary>Hooks in memory: each is told by its path.</summary>
public sealed class HarnessHooks(HarnessHost host) : IHookRunner
{
    /// <summary>What has run, in order.</summary>
    public List<(HookStage Stage, string Path, HookState State)> Ran { get; } = [];

    /// <summary>What a hook does, by its path.</summary>
    public Action<string> Do { get; set; } = _ => { };

    /// <inheritdoc/>
    public async Task RunAsync(HookStage stage, IReadOnlyList<OciHook> hooks, HookState state, CancellationToken ct)
    {
        await host.EnterAsync("hooks.run", ct);
        foreach (var hook in hooks)
        {
            if (hook.Path.EndsWith("false", StringComparison.Ordinal))
                throw new KataException(ErrorKind.Internal, $"hook {hook.Path} ended with 1: it said no");
            Do(hook.Path);
            Ran.Add((stage, hook.Path, state));
        }
    }
}
