using Kata.Adapters.Qemu.CommandLine;
using Kata.Adapters.Qemu.Qmp;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;

namespace Kata.Adapters.Qemu;

/// <summary>NICs and disks of a running machine, behind a bridge that is there from the start.</summary>
internal sealed class QemuHotplug(QemuControl control, bool vhostNet, TimeProvider time) : IDeviceHotplug
{
    /// <summary>An idle guest releases a device in a tenth of this; one that does not answer never does.</summary>
    private static readonly TimeSpan RemovalTime = TimeSpan.FromSeconds(10);

    /// <summary>QEMU answers in milliseconds; a device whose host is slow to open takes longer.</summary>
    private static readonly TimeSpan CommandTime = TimeSpan.FromSeconds(10);

    private readonly PciSlots _slots = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _attached = [];

    public async Task<AttachedDevice> AttachAsync(Device device, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var slot = _slots.Take();
        try
        {
            // A caller that leaves between two commands would leave half a device behind.
            using var limit = new CancellationTokenSource(CommandTime, time);
            var id = device switch
            {
                NetworkDevice network => await AttachAsync(network, slot, limit.Token),
                BlockDevice block => await AttachAsync(block, slot, limit.Token),
                _ =>
                    throw new KataException(
                        ErrorKind.InvalidArgument, $"a {device.GetType().Name} cannot be added to a running machine"),
            };
            lock (_gate)
                _attached[id] = slot;
            return new AttachedDevice(device, PciSlots.GuestPath(slot));
        }
        catch (OperationCanceledException)
        {
            // What QEMU makes of it is not known: its slot is given to nobody else.
            throw new KataException(
                ErrorKind.DeadlineExceeded, $"QEMU did not add a device within {CommandTime.TotalSeconds} s");
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
            NetworkDevice network => Nic(network),
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
        await (
            device.Device is NetworkDevice tap
                ? RemoveTapAsync(tap, CancellationToken.None)
                : RemoveStorageAsync((BlockDevice)device.Device, CancellationToken.None));
        lock (_gate)
            _attached.Remove(id);
        // Only now: the slot of a device that the guest still has must not be given to another.
        _slots.Return(slot);
    }

    public async Task ResizeAsync(AttachedDevice device, long bytes, CancellationToken ct)
    {
        if (device.Device is not BlockDevice { ReadOnly: false } disk)
            throw new KataException(ErrorKind.InvalidArgument, "only a disk that can be written can be resized");
        var now = FileStatus.Of(disk.Path.Value);
        if (now.IsRegular && now.Size > bytes)
            throw new KataException(
                ErrorKind.InvalidArgument, $"{disk.Path} has {now.Size} bytes; it is not made smaller");
        await control.ExecuteAsync(
            "block_resize", new ResizeStorage(QemuCommandLine.NodeName(disk.Id), bytes), QmpJson.Default.ResizeStorage,
            $"resize {disk.Path}", ct);
    }

    private async Task<string> AttachAsync(NetworkDevice network, int slot, CancellationToken ct)
    {
        var several = network.Queues > 1;
        await OpenTapAsync(network, ct);
        var nic = Place(new AddDevice("virtio-net-pci", Nic(network)), slot) with
        {
            Netdev = network.Id,
            Mac = network.Mac.ToString(),
            MultiQueue = several ? true : null,
            Vectors = several ? (2 * network.Queues) + 2 : null,
        };
        await AddAsync(nic, () => RemoveTapAsync(network, CancellationToken.None), ct);
        return nic.Id;
    }

    private async Task OpenTapAsync(NetworkDevice network, CancellationToken ct)
    {
        if (network.CharacterDevice is not { } device)
        {
            var byName = new AddTap(network.Id, network.Tap, vhostNet, network.Queues > 1 ? network.Queues : null);
            await control.ExecuteAsync("netdev_add", byName, QmpJson.Default.AddTap, $"open tap {network.Tap}", ct);
            return;
        }

        var names = new List<string>();
        try
        {
            for (var queue = 0; queue < network.Queues; queue++)
            {
                using var handle = MacVtap.Open(device);
                names.Add($"{network.Id}-{queue}");
                await control.GiveAsync(names[^1], handle, ct);
            }

            var byDescriptor = new AddTap(network.Id, null, vhostNet, null) { Descriptors = string.Join(':', names) };
            await control.ExecuteAsync(
                "netdev_add", byDescriptor, QmpJson.Default.AddTap, $"use macvtap {network.Tap}", ct);
        }
        catch (KataException refused) when (refused.Kind != ErrorKind.Unavailable)
        {
            foreach (var name in names)
                await CloseAsync(name);
            throw;
        }
    }

    private async Task CloseAsync(string descriptor)
    {
        try
        {
            await control.ExecuteAsync(
                "closefd", new ByDescriptorName(descriptor), QmpJson.Default.ByDescriptorName,
                $"close the descriptor {descriptor}", CancellationToken.None);
        }
        catch (KataException)
        {
            // It was taken by the command that failed, or never came.
        }
    }

    private async Task<string> AttachAsync(BlockDevice block, int slot, CancellationToken ct)
    {
        var file = new StorageFile(
            FileStatus.Of(block.Path.Value).IsBlockDevice ? "host_device" : "file", block.Path.Value, block.ReadOnly);
        await control.ExecuteAsync(
            "blockdev-add", new AddStorage(QemuCommandLine.NodeName(block.Id), block.ReadOnly, file),
            QmpJson.Default.AddStorage, $"open {block.Path}", ct);
        var disk = Place(new AddDevice("virtio-blk-pci", Disk(block)),
            slot) with
        {
            Drive = QemuCommandLine.NodeName(block.Id),
            Serial = block.Id
        };
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
        await control.ExecuteAsync(
            "netdev_del", new ById(network.Id), QmpJson.Default.ById, $"close tap {network.Tap}", ct);

    private async Task RemoveStorageAsync(BlockDevice block, CancellationToken ct) => await control.ExecuteAsync(
        "blockdev-del", new ByNodeName(QemuCommandLine.NodeName(block.Id)), QmpJson.Default.ByNodeName,
        $"close {block.Path}", ct);

    private static AddDevice Place(AddDevice device, int slot) =>
        device with { Bus = PciSlots.Bridge, Address = PciSlots.Hex(slot), RomFile = "" };

    private static string Nic(NetworkDevice network) => $"nic-{network.Id}";

    private static string Disk(BlockDevice block) => $"disk-{block.Id}";
}
