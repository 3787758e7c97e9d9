using System.Runtime.InteropServices;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Serving;

/// <summary>
/// A root shell in the guest for whoever the host lets in; only where the kernel command line asks for it.
/// </summary>
internal static class DebugConsole
{
    private static readonly string[] Shells = ["/bin/bash", "/bin/sh"];
    private static readonly string[] Environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=linux"];

    /// <summary>A shell on a terminal of its own for each connection; ends only with the machine.</summary>
    public static async Task ServeVsockAsync(uint port, AgentLog log)
    {
        using var listener = Door.ForHost(port);
        log.Info($"debug console on vsock port {port}");
        await Door.ServeAsync(() => listener.AcceptAsync(), socket => _ = ServeAsync(socket, log), TimeProvider.System);
    }

    /// <summary>A shell on the guest's own console, begun anew when it ends.</summary>
    public static async Task ServeConsoleAsync(AgentLog log)
    {
        log.Info("debug console on the guest's console");
        while (true)
        {
            using var console = DescriptorIo.Open("/dev/console", OpenFlags.O_RDWR | OpenFlags.O_NOCTTY);
            var shell = await SpawnAsync(console);
            await shell.Exited;
        }
    }

    private static async Task ServeAsync(System.Net.Sockets.Socket socket, AgentLog log)
    {
        try
        {
            using (socket)
            {
                socket.Blocking = false;
                var (controller, peer) = Terminal.CreatePair();
                using (controller)
                {
                    await using var shell = await SpawnAsync(peer);
                    peer.Dispose();
                    await Task.WhenAny(
                        CopyAsync(socket.SafeHandle, controller), CopyAsync(controller, socket.SafeHandle));
                }
            }
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            log.Warning($"debug console: {e.Message}");
        }
    }

    private static Task<SpawnedProcess> SpawnAsync(SafeHandle terminal)
    {
        var shell = Shells.FirstOrDefault(File.Exists) ?? throw new IOException("this guest image has no shell");
        // A session leader with this terminal as its controlling one has job control; busybox can make it so.
        var setsid = File.Exists("/bin/busybox");
        return ProcessSpawner.SpawnAsync(new SpawnRequest
        {
            Path = setsid ? "/bin/busybox" : shell,
            Arguments = setsid ? ["setsid", "-c", shell] : [shell],
            Environment = Environment,
            StandardInput = terminal,
            StandardOutput = terminal,
            StandardError = terminal,
        });
    }

    /// <summary>Until either side has had enough.</summary>
    private static async Task CopyAsync(SafeHandle from, SafeHandle to)
    {
        var buffer = new byte[4096];
        try
        {
            int read;
            while ((read = await DescriptorIo.ReadAsync(from, buffer)) > 0)
            {
                await DescriptorIo.WriteAsync(to, buffer.AsMemory(0, read));
            }
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // The shell has ended (EIO), or the host has gone.
        }
    }
}
