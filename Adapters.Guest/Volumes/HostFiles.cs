using System.Globalization;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Volumes;

/// <summary>Looks at files of the host through descriptors that can do nothing but that.</summary>
internal sealed class HostFiles : IHostFiles
{
    public async Task<HostFile?> LookAsync(HostPath path, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        try
        {
            return await OwnThread.RunAsync(
                () =>
                {
                    using var held = DescriptorIo.Open(path.Value, OpenFlags.O_PATH);
                    return Describe(held);
                },
                ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw GuestErrors.Stalled(path);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
        catch (LinuxException e)
        {
            throw GuestErrors.Translate(e, $"looking at {path}");
        }
    }

    public async Task<int> CountAsync(HostPath directory, int most, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        try
        {
            return await OwnThread.RunAsync(
                () =>
                {
                    using var root = BeneathPath.Open(directory.Value);
                    return Count(root, most, ct);
                },
                ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw GuestErrors.Stalled(directory);
        }
        catch (LinuxException e)
        {
            throw GuestErrors.Translate(e, $"counting the files in {directory}");
        }
    }

    public Task<bool> HasMountsAsync(HostPath directory, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return Task.FromResult(MountInfo.IsAnyBelow(directory.Value));
    }

    public Task<HostPath?> FindBlockDeviceAsync(DeviceNumber number, CancellationToken ct)
    {
        var uevent = $"/sys/dev/block/{number}/uevent";
        if (!File.Exists(uevent)
            || File.ReadLines(uevent)
                .FirstOrDefault(line => line.StartsWith("DEVNAME=", StringComparison.Ordinal)) is not { } line
            || HostPath.TryParse($"/dev/{line["DEVNAME=".Length..]}") is not { } node)
            return Task.FromResult<HostPath?>(null);

        // By its number: a name in /dev is whatever was put there.
        return Task.FromResult(
            FileStatus.TryOf(node.Value, followLink: false) is { IsBlockDevice: true } status
                && status.NodeMajor == number.Major && status.NodeMinor == number.Minor
                ? node
                : null);
    }

    private static HostFile Describe(Microsoft.Win32.SafeHandles.SafeFileHandle held)
    {
        var status = FileStatus.Of(held);
        var descriptor = held.DangerousGetHandle();
        var real = HostPath.Parse(new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget, "what a path leads to");
        var mount = MountInfo.Of(held);
        var number = new DeviceNumber(status.NodeMajor, status.NodeMinor);
        return new HostFile
        {
            Kind = status.Type switch
            {
                FileStatus.S_IFDIR => HostFileKind.Directory,
                FileStatus.S_IFBLK => HostFileKind.BlockDevice,
                FileStatus.S_IFCHR => HostFileKind.CharacterDevice,
                FileStatus.S_IFSOCK => HostFileKind.Socket,
                FileStatus.S_IFIFO => HostFileKind.Fifo,
                _ => HostFileKind.File,
            },
            RealPath = real,
            Number = number,
            ReadOnlyDevice = status.IsBlockDevice && IsReadOnly(number),
            Permissions = status.Permissions,
            UserId = status.UserId,
            GroupId = status.GroupId,
            FsType = mount?.FileSystemType ?? "",
            IsMountPoint = mount?.MountPoint == real.Value,
            MountRoot = mount?.Root ?? "/",
            FsOptions = mount?.SuperOptions.Split(',') ?? [],
            Identity = status.IsBlockDevice
                ? $"block {number}"
                : string.Create(
                    CultureInfo.InvariantCulture, $"file {status.DeviceMajor}:{status.DeviceMinor}:{status.Inode}"),
        };
    }

    private static bool IsReadOnly(DeviceNumber number)
    {
        // A partition's directory has the file too.
        var path = $"/sys/dev/block/{number}/ro";
        return File.Exists(path) && File.ReadAllText(path).Trim() == "1";
    }

    private static int Count(BeneathPath directory, int most, CancellationToken ct)
    {
        var count = 0;
        foreach (var name in directory.Names())
        {
            ct.ThrowIfCancellationRequested();
            if (count > most)
                return most + 1;
            count += FileStatus.TryOf($"{directory.DescriptorPath}/{name}", followLink: false) switch
            {
                null => 0,
                { IsDirectory: true } => CountBelow(directory, name, most - count, ct),
                _ => 1,
            };
        }

        return Math.Min(count, most + 1);
    }

    private static int CountBelow(BeneathPath directory, string name, int most, CancellationToken ct)
    {
        using var below = directory.OpenDirectory(name);
        return Count(below, most, ct);
    }
}
