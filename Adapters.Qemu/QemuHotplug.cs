using Kata.Adapters.Qemu.CommandLine;
using Kata.Adapters.Qemu.Qmp;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;

namespace Kata.Adapters.Qemu;

/// <summary>Network cards and disks of a running machine, behind a bridge that is there from the start.</summary>
internal sealed class QemuHotplug(QemuControl control, bool vhostNet, TimeProvider time) : IDeviceHotplug
{
    /// <summary>An idle guest lets go in a tenth of this; one that does not answer never does.</summary>
    private static readonly TimeSpan RemovalTime = TimeSpan.FromSeconds(10);

    private readonly PciSlots _slots = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _attached = [];

    public async Task<AttachedDevice> AttachAsync(Device device, CancellationToken ct)
    {
        var slot = _slots.Take();
        try
        {
            var id = device switch
            {
                NetworkDevice network => await AttachAsync(network, slot, ct),
                BlockDevice block => await AttachAsync(block, slot, ct),
                _ => throw new KataException(ErrorKind.InvalidArgument, $"a {device.GetType().Name} cannot be added to a running machine"),
            };
            lock (_gate)
                _attached[id] = slot;
            return new AttachedDevice(device, PciSlots.GuestPath(slot));
        }
        catch
        {
            _slots.Return(slot);
            throw;
        }
    }

    public async Task DetachAsync(AttachedDevice device, CancellationToken ct)
    {
        var id = device.Device switch
        {
            NetworkDevice network => Card(network),
            BlockDevice block => Disk(block),
            _ => "",
        };
        int slot;
        lock (_gate)
        {
            if (!_attached.TryGetValue(id, out slot))
                return;
        }

        await control.RemoveDeviceAsync(id, RemovalTime, time, ct);
        await (device.Device is NetworkDevice tap ? RemoveTapAsync(tap, ct) : RemoveStorageAsync((BlockDevice)device.Device, ct));
        lock (_gate)
            _attached.Remove(id);
        // Only now: the slot of a device that the guest still has must not be given to another.
        _slots.Return(slot);
    }

    private async Task<string> AttachAsync(NetworkDevice network, int slot, CancellationToken ct)
    {
        var several = network.Queues > 1;
        await control.ExecuteAsync(
            "netdev_add", new AddTap(network.Id, network.Tap, vhostNet, several ? network.Queues : null), QmpJson.Default.AddTap, $"open tap {network.Tap}", ct);
        var card = Place(new AddDevice("virtio-net-pci", Card(network)), slot) with
        {
            Netdev = network.Id,
            Mac = network.Mac.ToString(),
            MultiQueue = several ? true : null,
            Vectors = several ? (2 * network.Queues) + 2 : null,
        };
        await AddAsync(card, () => RemoveTapAsync(network, CancellationToken.None), ct);
        return card.Id;
    }

    private async Task<string> AttachAsync(BlockDevice block, int slot, CancellationToken ct)
    {
        var file = new StorageFile(FileStatus.Of(block.Path.Value).IsBlockDevice ? "host_device" : "file", block.Path.Value, block.ReadOnly);
        await control.ExecuteAsync(
            "blockdev-add", new AddStorage(QemuCommandLine.NodeName(block.Id), block.ReadOnly, file), QmpJson.Default.AddStorage, $"open {block.Path}", ct);
        var disk = Place(new AddDevice("virtio-blk-pci", Disk(block)), slot) with { Drive = QemuCommandLine.NodeName(block.Id), Serial = block.Id };
        await AddAsync(disk, () => RemoveStorageAsync(block, CancellationToken.None), ct);
        return disk.Id;
    }

    private async Task AddAsync(AddDevice device, Func<Task> undo, CancellationToken ct)
    {
        try
        {
            await control.ExecuteAsync("device_add", device, QmpJson.Default.AddDevice, $"add device {device.Id}", ct);
        }
        catch (KataException refused) when (refused.Kind != ErrorKind.Unavailable)
        {
            await undo();
            throw;
        }
    }

    private async Task RemoveTapAsync(NetworkDevice network, CancellationToken ct) =>
        await control.ExecuteAsync("netdev_del", new ById(network.Id), QmpJson.Default.ById, $"close tap {network.Tap}", ct);

    private async Task RemoveStorageAsync(BlockDevice block, CancellationToken ct) => await control.ExecuteAsync(
        "blockdev-del", new ByNodeName(QemuCommandLine.NodeName(block.Id)), QmpJson.Default.ByNodeName, $"close {block.Path}", ct);

    private static AddDevice Place(AddDevice device, int slot) =>
        device with { Bus = PciSlots.Bridge, Address = PciSlots.Hex(slot), RomFile = "" };

    private static string Card(NetworkDevice network) => $"nic-{network.Id}";

    private static string Disk(BlockDevice block) => $"disk-{block.Id}";
}
