using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;

namespace Kata.Tests.Harness;

/// <summary>Devices of a running machine, in memory.</summary>
public sealed class HarnessHotplug(HarnessHost host) : IDeviceHotplug
{
    private readonly List<AttachedDevice> _attached = [];
    private readonly Dictionary<string, long> _sizes = [];

    /// <summary>What is attached, in the order in which it came.</summary>
    public IReadOnlyList<AttachedDevice> Attached => _attached;

    /// <inheritdoc/>
    public async Task<AttachedDevice> AttachAsync(Device device, CancellationToken ct)
    {
        await host.EnterAsync("hotplug.attach", ct);
        if (device is not (BlockDevice or NetworkDevice))
            throw new KataException(
                ErrorKind.InvalidArgument, $"a {device.GetType().Name} cannot be added to a running machine");
        if (device is BlockDevice block
            && _attached.Any(a => a.Device is BlockDevice other && (other.Id == block.Id || other.Path == block.Path)))
            throw new KataException(ErrorKind.FailedPrecondition, $"{block.Path} is attached already");
        var place = Enumerable.Range(1, _attached.Count + 1).Select(slot => $"02/{slot:x2}")
            .First(slot => _attached.All(a => a.GuestAddress != slot));
        var attached = new AttachedDevice(device, place);
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
        if (device.Device is not BlockDevice { ReadOnly: false } disk)
            throw new KataException(ErrorKind.InvalidArgument, "only a disk that can be written can be resized");
        if (_sizes.GetValueOrDefault(disk.Path.Value) > bytes)
            throw new KataException(ErrorKind.InvalidArgument, $"{disk.Path} is not made smaller");
        _sizes[disk.Path.Value] = bytes;
        Resized.Add((device.Device, bytes));
    }
}
