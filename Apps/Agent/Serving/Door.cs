using System.Net.Sockets;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Serving;

/// <summary>Takes connections for the life of the machine.</summary>
internal static class Door
{
    /// <summary>
    /// Out of descriptors or memory: the listener stays readable, so trying again at once would only spin.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>A listener to which the host alone is admitted.</summary>
    public static SocketListener ForHost(uint port) => VsockSocket.Listen(port, peer: VsockSocket.VMADDR_CID_HOST);

    /// <summary>
    /// Hands each connection over; ends only as <paramref name="accept"/> says that the listener is gone.
    /// </summary>
    public static async Task ServeAsync(Func<Task<Socket>> accept, Action<Socket> serve, TimeProvider time)
    {
        while (true)
        {
            try
            {
                serve(await accept());
            }
            catch (LinuxException e) when (e.IsExhaustion)
            {
                await Task.Delay(Pause, time);
            }
        }
    }
}
