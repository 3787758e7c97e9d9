using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;

namespace Kata.Tests.Harness;

/// <summary>Devices of a running machine, in memory.</summary>
public sealed class HarnessHotplug(HarnessHost host) : IDeviceHotplug
{
    private readonly List<AttachedDevice> _attached = [];
    private int _next = 1;

    /// <summary>What is attached, in the order in which it came.</summary>
    public IReadOnlyList<AttachedDevice> Attached => _attached;

    /// <inheritdoc/>
    public async Task<AttachedDevice> AttachAsync(Device device, CancellationToken ct)
    {
        await host.EnterAsync("hotplug.attach", ct);
        if (device is BlockDevice block
            && _attached.Any(a => a.Device is BlockDevice other && (other.Id == block.Id || other.Path == block.Path)))
            throw new KataException(ErrorKind.FailedPrecondition, $"{block.Path} is attached already");
        var attached = new AttachedDevice(device, $"02/{_next++:x2}");
        _attached.Add(attached);
        return attached;
    }

    /// <inheritdoc/>
    public async Task DetachAsync(AttachedDevice device, CancellationToken ct)
    {
        await host.EnterAsync("hotplug.detach", ct);
        _attached.Remove(device);
    }

    /// <summary>Sizes that disks were given.</summary>
    public List<(Device Disk, long Bytes)> Resized { get; } = [];

    /// <inheritdoc/>
    public async Task ResizeAsync(AttachedDevice device, long bytes, CancellationToken ct)
    {
        await host.EnterAsync("hotplug.resize", ct);
        Resized.Add((device.Device, bytes));
    }
}
