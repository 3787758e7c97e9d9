using System.Text;
using Kata.Core.Domain;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>The socket of a shim: its address, and how it is bound beside living and dead ones.</summary>
internal static class ShimSocket
{
    /// <summary>Where containerd's shims put their sockets unless the daemon names another directory.</summary>
    public const string DefaultRoot = "/run/containerd/s";

    /// <summary>Before the path of a unix socket in an address.</summary>
    public const string Scheme = "unix://";

    // sun_path holds 108 bytes; containerd's shim library checks for two fewer.
    private const int MaxPathBytes = 106;

    private const uint SocketMode = 0x180; // 0600
    private const uint DirectoryMode = 0x1C0; // 0700

    /// <summary>The path of the socket of a grouping id: the same for every container of a pod, whoever asks.</summary>
    public static string PathOf(string root, string daemonAddress, string ns, string groupingId)
    {
        var path = Join(root, Sha256.HexOf(Encoding.UTF8.GetBytes(Join(daemonAddress, ns, groupingId))));
        if (Encoding.UTF8.GetByteCount(path) > MaxPathBytes)
            throw new KataException(
                ErrorKind.InvalidArgument,
                $"the socket path {path} is longer than {MaxPathBytes} bytes; use a shorter socket directory");
        return path;
    }

    /// <summary>The path in an address as we print it, or null if it is not one.</summary>
    public static string? PathIn(string address) =>
        address.StartsWith(Scheme, StringComparison.Ordinal) && address.Length > Scheme.Length
            ? address[Scheme.Length..]
            : null;

    /// <summary>
    /// Binds and listens, with the directory 0700 and the socket 0600. Null if a living shim listens there already;
    /// what a dead one left is replaced, once. One at a time in a directory: between its binding and its listening a
    /// socket looks like a dead one's.
    /// </summary>
    public static SafeFileHandle? Bind(string path)
    {
        var directory = Path.GetDirectoryName(path)!;
        CreateDirectory(directory);
        using var turn = FileLock.Acquire(directory);
        try
        {
            return UnixListener.Bind(path, SocketMode);
        }
        catch (LinuxException e) when (e.Errno == Errno.EADDRINUSE)
        {
            if (IsAlive(path))
                return null;
            Unlink(path);
            return UnixListener.Bind(path, SocketMode);
        }
    }

    /// <summary>
    /// True if something listens there. A unix socket says so at once, without waiting for the other side.
    /// </summary>
    public static bool IsAlive(string path) => UnixListener.IsListening(path);

    /// <summary>Removes the socket file; already gone is success.</summary>
    public static void Unlink(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (DirectoryNotFoundException)
        {
            // Gone with its directory.
        }
    }

    /// <summary>
    /// Joins and cleans as Go's filepath.Join does: empty parts are left out, "." and ".." and double slashes resolved.
    /// </summary>
    internal static string Join(params ReadOnlySpan<string> parts)
    {
        var text = new StringBuilder();
        foreach (var part in parts)
        {
            if (part.Length > 0)
                text.Append(text.Length > 0 ? "/" : "").Append(part);
        }

        if (text.Length == 0)
            return "";
        var rooted = text[0] == '/';
        var kept = new List<string>();
        foreach (var segment in text.ToString().Split('/'))
        {
            if (segment is "" or ".")
                continue;
            if (segment != "..")
                kept.Add(segment);
            else if (kept.Count > 0 && kept[^1] != "..")
                kept.RemoveAt(kept.Count - 1);
            else if (!rooted)
                kept.Add("..");
        }

        var joined = string.Join('/', kept);
        return rooted ? "/" + joined : joined.Length > 0 ? joined : ".";
    }

    private static void CreateDirectory(string path)
    {
        if (Directory.Exists(path))
            return;
        Directory.CreateDirectory(path);
        Nodes.ChangeMode(path, DirectoryMode);
    }
}
