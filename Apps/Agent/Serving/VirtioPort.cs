using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Apps.Agent.Serving;

/// <summary>The guest's end of a virtio-serial port.</summary>
internal sealed class VirtioPort(SafeFileHandle device) : ISerialDevice, IDisposable
{
    /// <summary>The name that the host gives the agent's port.</summary>
    public const string Name = "agent.0";

    private const string Ports = "/sys/class/virtio-ports";

    /// <summary>The device of the port with this name, or null while there is none.</summary>
    public static string? Find(string name)
    {
        if (!Directory.Exists(Ports))
        {
            return null;
        }

        foreach (var port in Directory.EnumerateDirectories(Ports))
        {
            var file = Path.Combine(port, "name");
            if (File.Exists(file) && File.ReadAllText(file).Trim() == name)
            {
                return "/dev/" + Path.GetFileName(port);
            }
        }

        return null;
    }

    // Blocking: the kernel wakes a reader when bytes come and when the host goes, and a writer when there is room.
    public static VirtioPort Open(string device) => new(DescriptorIo.Open(device, OpenFlags.O_RDWR));

    public int Read(Span<byte> buffer) => DescriptorIo.TryRead(device, buffer);

    public void Write(ReadOnlySpan<byte> bytes) => DescriptorIo.Write(device, bytes);

    public void Dispose() => device.Dispose();
}
