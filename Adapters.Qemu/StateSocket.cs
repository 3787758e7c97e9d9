using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Qemu;

/// <summary>A unix socket in the state directory: in the ledger before it exists, removed at the end.</summary>
internal sealed class StateSocket
{
    /// <summary>sun_path with its NUL.</summary>
    private const int LongestPath = 107;

    private const int Backlog = 4;

    private readonly IResourceLedger _ledger;
    private readonly AcquiredResource _resource;

    private StateSocket(HostPath path, IResourceLedger ledger)
    {
        Path = path;
        _ledger = ledger;
        _resource = new AcquiredResource(ResourceKind.SocketFile, path.Value);
    }

    public HostPath Path { get; }

    /// <summary>Records the socket, which somebody else will make.</summary>
    public static StateSocket Reserve(HostPath directory, string name, IResourceLedger ledger)
    {
        var path = directory.Append(name);
        if (Encoding.UTF8.GetByteCount(path.Value) > LongestPath)
            throw new KataException(
                ErrorKind.InvalidArgument, $"socket path {path} is longer than {LongestPath} bytes");
        var socket = new StateSocket(path, ledger);
        ledger.Record(socket._resource);
        File.Delete(path.Value);
        return socket;
    }

    /// <summary>Binds and listens. The handle can be given away; closing it leaves the file.</summary>
    public SafeHandle Listen()
    {
        try
        {
            using var socket = UnixSocket.Listen(Path.Value, backlog: Backlog);
            return DescriptorIo.Duplicate(socket.SafeHandle);
        }
        catch (IOException failure)
        {
            throw new KataException(ErrorKind.Unavailable, $"cannot listen on {Path}: {failure.Message}", failure);
        }
    }

    /// <summary>Connects to the listener, which need not have accepted.</summary>
    public async Task<Socket> ConnectAsync(CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Value), ct);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Removes the file and strikes it out; already gone is success.</summary>
    public void Release()
    {
        try
        {
            File.Delete(Path.Value);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(Path.Value))
                return;
        }
        _ledger.Forget(_resource);
    }
}
