using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Volumes;

/// <summary>
/// Announcements of direct-assigned volumes, a directory each, named by the path in base64. They name devices that go
/// into a guest, so only what root alone can have written is believed, and no link is followed on the way to it.
/// </summary>
internal sealed class DirectVolumes : IDirectVolumes
{
    private const string FileName = "mountInfo.json";
    private const int MaxBytes = 64 * 1024;
    private const int LongestName = 255;
    private const uint OwnerOnlyDirectory = 0x1C0;
    private const uint OwnerOnlyFile = 0x180;
    private const uint WritableByOthers = 0x12;

    /// <summary>Where storage plugins and tools look for them.</summary>
    internal HostPath Root { get; init; } = HostPath.Parse(
        "/run/kata-containers/shared/direct-volumes", "direct volumes");

    public async Task<DirectVolume?> FindAsync(HostPath path, CancellationToken ct)
    {
        // Longer than a file name can be, nothing can have been announced for it.
        if (Name(path) is not { Length: <= LongestName } name || !Directory.Exists(Root.Value))
            return null;
        var directory = Root.Append(name);
        try
        {
            using var root = BeneathPath.Open(Root.Value);
            RequireRoots(root.Handle, Root.Value);
            using var file = root.TryOpenFile($"{name}/{FileName}", OpenFlags.O_RDONLY);
            if (file is null)
                return null;
            using (var parent = root.OpenDirectory(name))
                RequireRoots(parent.Handle, directory.Value);
            RequireRoots(file, $"{directory}/{FileName}");
            var status = FileStatus.Of(file);
            if (!status.IsRegular || status.Size > MaxBytes)
                throw Invalid(path, $"is no file of at most {MaxBytes} bytes");
            var json = new byte[status.Size];
            var length = 0;
            while (length < json.Length
                && await DescriptorIo.ReadAsync(file, json.AsMemory(length), ct) is > 0 and var read)
                length += read;
            return MountInfoFile.Parse(json.AsSpan(0, length), directory, What(path));
        }
        catch (LinuxException e) when (e.Errno is Errno.ELOOP or Errno.EXDEV)
        {
            throw new KataException(
                ErrorKind.PermissionDenied, $"{What(path)} is reached by a link, which is not followed", e);
        }
        catch (LinuxException e)
        {
            throw GuestErrors.Translate(e, $"reading {What(path)}");
        }
    }

    public Task MarkAsync(DirectVolume volume, SandboxId sandbox, CancellationToken ct) =>
        Guard($"noting who uses the volume of {volume.Directory}", () =>
    {
        using var directory = BeneathPath.Open(volume.Directory.Value);
        directory.OpenFile(sandbox.Value, OpenFlags.O_WRONLY | OpenFlags.O_CREAT, OwnerOnlyFile).Dispose();
    });

    public Task AddAsync(HostPath path, ReadOnlyMemory<byte> json, CancellationToken ct)
    {
        if (json.Length > MaxBytes)
            throw Invalid(path, $"has {json.Length} bytes, more than the {MaxBytes} that are read");
        var name = RequireName(path);
        MountInfoFile.Parse(json.Span, Root.Append(name), What(path));
        return Guard($"writing {What(path)}", () =>
        {
            var parent = Path.GetDirectoryName(Root.Value)!;
            Directory.CreateDirectory(parent);
            using var above = BeneathPath.Open(parent);
            using var root = above.CreateDirectory(Root.Name, OwnerOnlyDirectory);
            RequireRoots(root.Handle, Root.Value);
            using var directory = root.CreateDirectory(name, OwnerOnlyDirectory);
            AtomicFile.Write($"{directory.DescriptorPath}/{FileName}", json.Span, OwnerOnlyFile);
        });
    }

    public Task<SandboxId?> FindUserAsync(HostPath path, CancellationToken ct)
    {
        if (!Directory.Exists(Root.Value))
            return Task.FromResult<SandboxId?>(null);
        try
        {
            using var root = BeneathPath.Open(Root.Value);
            using var directory = root.OpenDirectory(RequireName(path));
            var user = directory.Names()
                .FirstOrDefault(name => name != FileName && !name.Contains('.', StringComparison.Ordinal));
            return Task.FromResult(user is null ? null : SandboxId.Parse(user));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return Task.FromResult<SandboxId?>(null);
        }
    }

    public Task RemoveAsync(HostPath path, CancellationToken ct) => Guard($"removing {What(path)}", () =>
    {
        if (!Directory.Exists(Root.Value))
            return;
        using var root = BeneathPath.Open(Root.Value);
        root.DeleteTree(RequireName(path));
    });

    private static Task Guard(string what, Action action)
    {
        try
        {
            action();
            return Task.CompletedTask;
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, what);
        }
    }

    private static void RequireRoots(Microsoft.Win32.SafeHandles.SafeFileHandle handle, string path)
    {
        var status = FileStatus.Of(handle);
        if (status.UserId != 0 || (status.Mode & WritableByOthers) != 0)
            throw new KataException(
                ErrorKind.PermissionDenied, $"{path} could have been written by others than root, and is not believed");
    }

    private static string RequireName(HostPath path) => Name(path) is { Length: <= LongestName } name
        ? name
        : throw new KataException(
            ErrorKind.InvalidArgument,
            $"the path of the volume is too long: in base64 it must fit {LongestName} bytes");

    private static string Name(HostPath path) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes(path.Value)).Replace('+', '-').Replace('/', '_');

    private static string What(HostPath path) => $"the {FileName} for {path}";

    private static KataException Invalid(HostPath path, string why) =>
        new(ErrorKind.InvalidArgument, $"{What(path)} {why}");
}
