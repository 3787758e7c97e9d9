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
        await TouchAsync("files.look", path, ct);
        return _files.TryGetValue(path.Value, out var file)
            ? file
            : new HostFile { Kind = HostFileKind.Directory, RealPath = path, FsType = "ext4", Identity = path.Value };
    }

    /// <inheritdoc/>
    public async Task<int> CountAsync(HostPath directory, int most, CancellationToken ct)
    {
        await TouchAsync("files.count", directory, ct);
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

    // A filesystem that does not answer before the token fires; one that was never asked is not to blame.
    private async Task TouchAsync(string call, HostPath path, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        try
        {
            await host.EnterAsync(call, ct);
        }
        catch (OperationCanceledException)
        {
            throw new KataException(ErrorKind.DeadlineExceeded, $"{path} does not answer");
        }
    }
}

/// <summary>Announcements of direct-assigned volumes in memory.</summary>
public sealed class HarnessDirectVolumes(HarnessHost host) : IDirectVolumes
{
    private readonly Dictionary<HostPath, SandboxId> _users = [];

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
        _users[volume.Directory] = sandbox;
    }

    /// <inheritdoc/>
    public Task AddAsync(HostPath path, ReadOnlyMemory<byte> json, CancellationToken ct) =>
        throw new KataException(ErrorKind.Unimplemented, "the harness announces volumes by its dictionary");

    /// <inheritdoc/>
    public Task<SandboxId?> FindUserAsync(HostPath path, CancellationToken ct) => Task.FromResult(
        Volumes.TryGetValue(path.Value, out var volume) ? _users.GetValueOrDefault(volume.Directory) : null);

    /// <inheritdoc/>
    public Task RemoveAsync(HostPath path, CancellationToken ct)
    {
        if (Volumes.Remove(path.Value, out var volume))
            _users.Remove(volume.Directory);
        return Task.CompletedTask;
    }
}
