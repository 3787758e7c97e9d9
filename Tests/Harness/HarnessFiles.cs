using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness;

/// <summary>Files of a host in memory. What nobody has put there is an ordinary directory.</summary>
public sealed class HarnessFiles(HarnessHost host) : IHostFiles
{
    private readonly Dictionary<string, HostFile?> _files = [];

    /// <summary>Files in directories; one where nothing is said.</summary>
    public Dictionary<string, int> Counts { get; } = [];

    /// <summary>Directories with other filesystems below them.</summary>
    public HashSet<string> MountedBelow { get; } = [];

    /// <summary>Puts a file there.</summary>
    public HostFile Put(
        string path, HostFileKind kind, DeviceNumber number = default, Func<HostFile, HostFile>? change = null)
    {
        var file = new HostFile
        {
            Kind = kind,
            RealPath = HostPath.Parse(path, "path"),
            Number = number,
            FsType = "ext4",
            Identity = $"{kind} {path} {number}"
        };
        _files[path] = file = change?.Invoke(file) ?? file;
        return file;
    }

    /// <summary>Nothing is there.</summary>
    public void Remove(string path) => _files[path] = null;

    /// <inheritdoc/>
    public async Task<HostFile?> LookAsync(HostPath path, CancellationToken ct)
    {
        try
        {
            await host.EnterAsync("files.look", ct);
        }
        catch (OperationCanceledException)
        {
            throw new KataException(ErrorKind.DeadlineExceeded, $"{path} does not answer");
        }

        return _files.TryGetValue(path.Value, out var file)
            ? file
            : new HostFile { Kind = HostFileKind.Directory, RealPath = path, FsType = "ext4", Identity = path.Value };
    }

    /// <inheritdoc/>
    public async Task<int> CountAsync(HostPath directory, int most, CancellationToken ct)
    {
        await host.EnterAsync("files.count", ct);
        return Math.Min(Counts.GetValueOrDefault(directory.Value, 1), most + 1);
    }

    /// <inheritdoc/>
    public async Task<bool> HasMountsAsync(HostPath directory, CancellationToken ct)
    {
        await host.EnterAsync("files.has-mounts", ct);
        return MountedBelow.Contains(directory.Value);
    }

    /// <inheritdoc/>
    public async Task<HostPath?> FindBlockDeviceAsync(DeviceNumber number, CancellationToken ct)
    {
        await host.EnterAsync("files.find-device", ct);
        return _files.Values.FirstOrDefault(
            file => file is { Kind: HostFileKind.BlockDevice } && file.Number == number)?.RealPath;
    }
}

/// <summary>Announcements of direct-assigned volumes in memory.</summary>
public sealed class HarnessDirectVolumes(HarnessHost host) : IDirectVolumes
{
    /// <summary>The volumes by the path they were announced for.</summary>
    public Dictionary<string, DirectVolume> Volumes { get; } = [];

    /// <inheritdoc/>
    public async Task<DirectVolume?> FindAsync(HostPath path, CancellationToken ct)
    {
        await host.EnterAsync("volumes.find", ct);
        return Volumes.GetValueOrDefault(path.Value);
    }

    /// <inheritdoc/>
    public async Task MarkAsync(DirectVolume volume, SandboxId sandbox, CancellationToken ct)
    {
        await host.EnterAsync("volumes.mark", ct);
        host.Hold(new AcquiredResource(ResourceKind.SocketFile, volume.Directory.Append(sandbox.Value).Value));
    }

    /// <inheritdoc/>
    public Task AddAsync(HostPath path, ReadOnlyMemory<byte> json, CancellationToken ct) =>
        throw new KataException(ErrorKind.Unimplemented, "the harness announces volumes by its dictionary");

    /// <inheritdoc/>
    public Task<SandboxId?> FindUserAsync(HostPath path, CancellationToken ct) => Task.FromResult<SandboxId?>(null);

    /// <inheritdoc/>
    public Task RemoveAsync(HostPath path, CancellationToken ct)
    {
        Volumes.Remove(path.Value);
        return Task.CompletedTask;
    }
}
