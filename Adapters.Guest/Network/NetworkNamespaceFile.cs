using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Guest.Network;

/// <summary>
/// An open network namespace. It is entered through the descriptor, so that a path that comes to mean another one
/// leads nowhere else, and it is known by its inode among those that are there; one that came later may have got the
/// same, which the cookie tells (<see cref="NetworkResource.Cookie"/>).
/// </summary>
internal sealed class NetworkNamespaceFile : IDisposable
{
    private const string Own = "/proc/self/ns/net";
    private const string OfInit = "/proc/1/ns/net";

    private readonly SafeFileHandle _file;

    private NetworkNamespaceFile(NetworkNamespacePath path, SafeFileHandle file, ulong inode)
    {
        Path = path;
        _file = file;
        Inode = inode;
    }

    public NetworkNamespacePath Path { get; }

    public ulong Inode { get; }

    /// <summary>Opens a namespace for a sandbox.</summary>
    /// <exception cref="KataException">NotFound if it is gone, InvalidArgument for other files and for the host's
    /// own.</exception>
    public static NetworkNamespaceFile Open(NetworkNamespacePath path)
    {
        var name = path.Path.Value;
        try
        {
            if (FileStatus.TryOf(name) is not { } status)
                throw Gone(path);
            if (!status.IsRegular || !IsOfSameKind(status, FileStatus.Of(Own)))
                throw IsNone(path);
            var file = DescriptorIo.Open(name, OpenFlags.O_RDONLY);
            try
            {
                if (Namespaces.KindOf(file) != Namespaces.CLONE_NEWNET)
                    throw IsNone(path);
                var inode = FileStatus.Of(file).Inode;
                if (inode == FileStatus.Of(Own).Inode || inode == InodeOfInit())
                    throw IsTheHosts(path);
                return new NetworkNamespaceFile(path, file, inode);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH or Errno.ENOTDIR)
        {
            throw Gone(path);
        }
        catch (LinuxException e)
        {
            throw GuestErrors.Translate(e, $"opening the network namespace {path.Path}");
        }
    }

    /// <summary>
    /// Opens a namespace to give back what is in it; null if it is gone, or if the path leads to one of another inode
    /// now.
    /// </summary>
    public static NetworkNamespaceFile? TryReopen(NetworkNamespacePath path, ulong inode)
    {
        try
        {
            if (FileStatus.TryOf(path.Path.Value) is not { } status || status.Inode != inode
                || !IsOfSameKind(status, FileStatus.Of(Own)))
                return null;
            var file = DescriptorIo.Open(path.Path.Value, OpenFlags.O_RDONLY);
            if (FileStatus.Of(file).Inode == inode && Namespaces.KindOf(file) == Namespaces.CLONE_NEWNET)
                return new NetworkNamespaceFile(path, file, inode);
            file.Dispose();
            return null;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH or Errno.ENOTDIR)
        {
            return null;
        }
    }

    /// <summary>Runs synchronous work in the namespace, on a thread of its own.</summary>
    public Task<T> RunAsync<T>(Func<T> work) =>
        Namespaces.RunInNetworkNamespaceAsync($"/proc/self/fd/{_file.DangerousGetHandle()}", work);

    public void Dispose() => _file.Dispose();

    /// <summary>Namespaces are files of one filesystem of the kernel's.</summary>
    private static bool IsOfSameKind(FileStatus one, FileStatus other) =>
        (one.DeviceMajor, one.DeviceMinor) == (other.DeviceMajor, other.DeviceMinor);

    private static ulong? InodeOfInit()
    {
        try
        {
            return FileStatus.TryOf(OfInit)?.Inode;
        }
        catch (LinuxException)
        {
            // Not ours to see, so it is not ours.
            return null;
        }
    }

    private static KataException Gone(NetworkNamespacePath path) =>
        new(
            ErrorKind.NotFound,
            $"the network namespace {path.Path} is gone: it was removed before the sandbox was started");

    private static KataException IsNone(NetworkNamespacePath path) =>
        new(ErrorKind.InvalidArgument, $"{path.Path} is not a network namespace");

    private static KataException IsTheHosts(NetworkNamespacePath path) =>
        new(
            ErrorKind.InvalidArgument,
            $"{path.Path} is the host's own network namespace, which a virtual machine cannot share; "
            + "run the pod without hostNetwork, or this container with another runtime");
}
