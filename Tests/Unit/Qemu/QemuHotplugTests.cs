using System.Text.Json;
using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Adapters.Qemu.Qmp;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Storage;
using Kata.Tests.Scripted;
using Xunit;

namespace Kata.Tests.Unit.Qemu;

public sealed class QemuHotplugTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly NetworkDevice Nic = new("net0", "tap0_kata", new MacAddress(0x02000000002a), 1);

    private readonly ScriptedQmpServer _server = ScriptedQmpServer.Start();
    private QemuControl _control = null!;

    public async Task InitializeAsync()
    {
        var opening = QmpClient.OpenAsync(_server.Client, default);
        await _server.NegotiateAsync();
        _control = new QemuControl(await opening.WaitAsync(Limit));
    }

    public async Task DisposeAsync()
    {
        await _control.DisposeAsync();
        _server.Dispose();
    }

    [Fact]
    public async Task Attach_when_nic_opens_the_tap_and_places_it()
    {
        var plug = new QemuHotplug(_control, vhostNet: true, TimeProvider.System);

        var attaching = plug.AttachAsync(Nic, default);
        (await ReplyAsync()).Should().Be(
            """netdev_add {"id":"net0","ifname":"tap0_kata","vhost":true,"type":"tap","script":"no","downscript":"no"}""");
        (await ReplyAsync()).Should().Be(
            """device_add {"driver":"virtio-net-pci","id":"nic-net0","bus":"hot","addr":"01","romfile":"","netdev":"net0","mac":"02:00:00:00:00:2a"}""");

        (await attaching.WaitAsync(Limit)).GuestAddress.Should().Be("02/01");
    }

    [Fact]
    public async Task Attach_when_nic_is_a_macvtap_gives_its_queues_by_name()
    {
        var plug = new QemuHotplug(_control, vhostNet: true, TimeProvider.System);

        var attaching = plug.AttachAsync(
            Nic with { Queues = 2, CharacterDevice = HostPath.Parse("/dev/null", "macvtap") }, default);
        (await ReplyAsync()).Should().Be("""getfd {"fdname":"net0-0"}""");
        (await ReplyAsync()).Should().Be("""getfd {"fdname":"net0-1"}""");
        (await ReplyAsync())
            .Should().Be("""netdev_add {"id":"net0","vhost":true,"type":"tap","fds":"net0-0:net0-1"}""");
        (await ReplyAsync()).Should().Be(
            """device_add {"driver":"virtio-net-pci","id":"nic-net0","bus":"hot","addr":"01","romfile":"","netdev":"net0","mac":"02:00:00:00:00:2a","mq":true,"vectors":6}""");

        (await attaching.WaitAsync(Limit)).GuestAddress.Should().Be("02/01");
    }

    [Fact]
    public async Task Attach_when_macvtap_is_refused_takes_its_descriptors_back()
    {
        var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);

        var attaching = plug.AttachAsync(
            Nic with { CharacterDevice = HostPath.Parse("/dev/null", "macvtap") }, default);
        await ReplyAsync();
        await ReplyAsync("""{"error": {"class": "GenericError", "desc": "no"}, "id": @}""");
        (await ReplyAsync("""{"error": {"class": "GenericError", "desc": "not found"}, "id": @}"""))
            .Should().Be("""closefd {"fdname":"net0-0"}""");

        (await attaching.Invoking(a => a.WaitAsync(Limit)).Should().ThrowAsync<KataException>())
            .WithMessage("QEMU did not use macvtap tap0_kata: no");
    }

    [Fact]
    public async Task Attach_when_device_is_refused_closes_the_tap_and_returns_the_slot()
    {
        var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);

        var attaching = plug.AttachAsync(Nic, default);
        await ReplyAsync();
        await ReplyAsync("""{"error": {"class": "GenericError", "desc": "no room"}, "id": @}""");
        (await ReplyAsync()).Should().Be("""netdev_del {"id":"net0"}""");
        (await attaching.Invoking(a => a.WaitAsync(Limit)).Should().ThrowAsync<KataException>())
            .WithMessage("QEMU did not add device nic-net0: no room");

        var again = plug.AttachAsync(Nic, default);
        await ReplyAsync();
        await ReplyAsync();
        (await again.WaitAsync(Limit)).GuestAddress.Should().Be("02/01");
    }

    [Fact]
    public async Task Attach_when_the_caller_leaves_is_finished_all_the_same()
    {
        var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);
        using var caller = new CancellationTokenSource();

        var attaching = plug.AttachAsync(Nic, caller.Token);
        await ReplyAsync();
        await caller.CancelAsync();
        await ReplyAsync();

        (await attaching.WaitAsync(Limit)).GuestAddress.Should().Be("02/01");
    }

    [Fact]
    public async Task Detach_when_the_guest_has_been_asked_before_waits_for_it_again()
    {
        var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);
        var attached = await AttachAsync(plug);

        var detaching = plug.DetachAsync(attached, default);
        await ReplyAsync(
            """{"error": {"class": "GenericError", "desc": "Device nic-net0 is already in the process of unplug"}, "id": @}""");
        await _server.SayAsync(
            """{"event": "DEVICE_DELETED", "data": {"device": "nic-net0", "path": "/machine/peripheral/nic-net0"}}""");
        (await ReplyAsync()).Should().StartWith("netdev_del");

        await detaching.WaitAsync(Limit);
    }

    [Fact]
    public async Task Detach_after_qemu_has_told_nonsense_of_another_device_hears_of_its_end()
    {
        var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);
        var attached = await AttachAsync(plug);

        var detaching = plug.DetachAsync(attached, default);
        await ReplyAsync();
        await _server.SayAsync(
            """{"event": "ACPI_DEVICE_OST", "data": {"info": {"device": "dimm-0", "status": "none"}}}""");
        await _server.SayAsync("""{"event": "DEVICE_DELETED", "data": {"device": "nic-net0"}}""");
        (await ReplyAsync()).Should().StartWith("netdev_del");

        await detaching.WaitAsync(Limit);
    }

    [Fact]
    public async Task Resize_of_a_disk_tells_the_new_size_and_never_a_smaller_one()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, new byte[1024]);
            var disk = new AttachedDevice(
                new BlockDevice("vol0", Kata.Core.Domain.Storage.HostPath.Parse(file, "p"), false), "02/01");
            var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);

            (await plug.Invoking(p => p.ResizeAsync(disk, 512, default)).Should().ThrowAsync<KataException>())
                .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
            var resizing = plug.ResizeAsync(disk, 4096, default);
            (await ReplyAsync()).Should().Be("""block_resize {"node-name":"node-vol0","size":4096}""");

            await resizing.WaitAsync(Limit);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Detach_when_guest_lets_go_waits_for_that_and_closes_the_tap()
    {
        var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);
        var attached = await AttachAsync(plug);

        var detaching = plug.DetachAsync(attached, default);
        (await ReplyAsync()).Should().Be("""device_del {"id":"nic-net0"}""");
        await _server.SayAsync(
            """{"event": "DEVICE_DELETED", "data": {"path": "/machine/peripheral/nic-net0/virtio-backend"}}""");
        detaching.IsCompleted.Should().BeFalse();
        await _server.SayAsync(
            """{"event": "DEVICE_DELETED", "data": {"device": "nic-net0", "path": "/machine/peripheral/nic-net0"}}""");
        (await ReplyAsync()).Should().Be("""netdev_del {"id":"net0"}""");

        await detaching.WaitAsync(Limit);
    }

    [Fact]
    public async Task Detach_when_qemu_dies_meanwhile_is_unavailable()
    {
        var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);
        var attached = await AttachAsync(plug);

        var detaching = plug.DetachAsync(attached, default);
        await ReplyAsync();
        _server.HangUp();

        (await detaching.Invoking(d => d.WaitAsync(Limit)).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.Unavailable);
    }

    [Fact]
    public async Task Detach_when_unknown_says_nothing_to_qemu() =>
        await new QemuHotplug(_control, false, TimeProvider.System)
            .DetachAsync(new AttachedDevice(Nic, "02/01"), default).WaitAsync(Limit);

    [Fact]
    public async Task Resize_when_grown_fills_the_lowest_cpu_slot_and_whole_sections()
    {
        var resize = new QemuResize(_control, new VmResources(1, 3, 512, 1024, 2), TimeProvider.System);

        var resizing = resize.ResizeAsync(new VmResources(2, 3, 600, 1024, 2), default);
        (await ReplyAsync("""
            {"return": [{"type": "max-x86_64-cpu", "vcpus-count": 1, "props": {"core-id": 0, "thread-id": 0, "node-id": 0, "socket-id": 2}}, {"type": "max-x86_64-cpu", "vcpus-count": 1, "props": {"core-id": 0, "thread-id": 0, "socket-id": 1}}, {"type": "max-x86_64-cpu", "qom-path": "/machine/unattached/device[0]", "vcpus-count": 1, "props": {"core-id": 0, "thread-id": 0, "socket-id": 0}}], "id": @}
            """)).Should().Be("query-hotpluggable-cpus ");
        (await ReplyAsync()).Should().Be(
            """device_add {"core-id":0,"thread-id":0,"socket-id":1,"driver":"max-x86_64-cpu","id":"cpu-0"}""");
        (await ReplyAsync()).Should().Be(
            """object-add {"id":"ram-0","size":134217728,"qom-type":"memory-backend-memfd","share":true}""");
        (await ReplyAsync()).Should().Be("""device_add {"driver":"pc-dimm","id":"dimm-0","memdev":"ram-0"}""");
        resizing.IsCompleted.Should().BeFalse();
        await _server.SayAsync(
            """{"event": "ACPI_DEVICE_OST", "data": {"info": {"device": "dimm-0", "source": 1, "status": 0, "slot": "0", "slot-type": "DIMM"}}, "timestamp": {"seconds": 1, "microseconds": 0}}""");

        (await resizing.WaitAsync(Limit)).Should().Be(new VmResources(2, 3, 640, 1024, 2));
    }

    [Fact]
    public async Task Resize_when_the_guest_refuses_memory_tells_its_status_and_does_not_count_it()
    {
        var resize = new QemuResize(_control, new VmResources(1, 1, 512, 1024, 2), TimeProvider.System);

        var resizing = resize.ResizeAsync(new VmResources(1, 1, 640, 1024, 2), default);
        await ReplyAsync();
        await ReplyAsync();
        await _server.SayAsync(
            """{"event": "ACPI_DEVICE_OST", "data": {"info": {"device": "dimm-0", "source": 1, "status": 1, "slot": "0", "slot-type": "DIMM"}}, "timestamp": {"seconds": 1, "microseconds": 0}}""");

        (await resizing.Invoking(r => r.WaitAsync(Limit)).Should().ThrowAsync<KataException>())
            .WithMessage("the guest refused 128 MiB of memory with ACPI status 1");
        (await resize.ResizeAsync(new VmResources(1, 1, 512, 1024, 2), default).WaitAsync(Limit))
            .MemoryMib.Should().Be(512);
    }

    [Fact]
    public async Task Resize_when_qemu_refuses_memory_gives_it_back()
    {
        var resize = new QemuResize(_control, new VmResources(1, 1, 512, 1024, 2), TimeProvider.System);

        var resizing = resize.ResizeAsync(new VmResources(1, 1, 640, 1024, 2), default);
        await ReplyAsync();
        await ReplyAsync(
            """{"error": {"class": "GenericError", "desc": "a used vhost backend has no free memory slots left"}, "id": @}""");
        (await ReplyAsync()).Should().Be("""object-del {"id":"ram-0"}""");

        await resizing.Invoking(r => r.WaitAsync(Limit)).Should().ThrowAsync<KataException>()
            .WithMessage("*no free memory slots left*");
    }

    [Fact]
    public async Task Resize_when_fewer_vcpus_are_wanted_removes_added_ones_from_the_highest()
    {
        var resize = new QemuResize(_control, new VmResources(1, 3, 512, 512, 0), TimeProvider.System);
        var growing = resize.ResizeAsync(new VmResources(3, 3, 512, 512, 0), default);
        await ReplyAsync("""
            {"return": [{"type": "c", "props": {"socket-id": 2}}, {"type": "c", "props": {"socket-id": 1}}, {"type": "c", "qom-path": "/machine/unattached/device[0]", "props": {"socket-id": 0}}], "id": @}
            """);
        await ReplyAsync();
        await ReplyAsync();
        (await growing.WaitAsync(Limit)).Vcpus.Should().Be(3);

        var shrinking = resize.ResizeAsync(new VmResources(2, 3, 512, 512, 0), default);
        await ReplyAsync("""
            {"return": [{"type": "c", "qom-path": "/machine/peripheral/cpu-1", "props": {"socket-id": 2}}, {"type": "c", "qom-path": "/machine/peripheral/cpu-0", "props": {"socket-id": 1}}, {"type": "c", "qom-path": "/machine/unattached/device[0]", "props": {"socket-id": 0}}], "id": @}
            """);
        (await ReplyAsync()).Should().Be("""device_del {"id":"cpu-1"}""");
        await DeletedAsync("cpu-1");

        (await shrinking.WaitAsync(Limit)).Vcpus.Should().Be(2);
    }

    /// <summary>QEMU 7.2 crashes when a slot of an emulated machine is filled again that was emptied before.</summary>
    [Fact]
    public async Task Resize_when_emulated_gives_the_vcpus_of_the_launch_and_leaves_them()
    {
        const string slots = """
            {"return": [{"type": "c", "qom-path": "/machine/unattached/device[2]", "props": {"socket-id": 2}}, {"type": "c", "qom-path": "/machine/unattached/device[1]", "props": {"socket-id": 1}}, {"type": "c", "qom-path": "/machine/unattached/device[0]", "props": {"socket-id": 0}}], "id": @}
            """;
        var resize = new QemuResize(_control, new VmResources(1, 3, 512, 512, 0), TimeProvider.System);
        foreach (var (wanted, reached) in new[] { (2, 2), (1, 2), (3, 3) })
        {
            var resizing = resize.ResizeAsync(new VmResources(wanted, 3, 512, 512, 0), default);
            (await ReplyAsync(slots)).Should().Be("query-hotpluggable-cpus ");
            (await resizing.WaitAsync(Limit)).Vcpus.Should().Be(reached);
        }
    }

    [Fact]
    public async Task Resize_when_less_is_wanted_than_at_the_start_keeps_what_there_is()
    {
        var shrinking = new QemuResize(_control, new VmResources(2, 3, 512, 1024, 2), TimeProvider.System)
            .ResizeAsync(new VmResources(1, 3, 256, 1024, 2), default);
        await ReplyAsync("""{"return": [], "id": @}""");
        (await shrinking.WaitAsync(Limit)).Should().Be(new VmResources(2, 3, 512, 1024, 2));
    }

    private async Task<AttachedDevice> AttachAsync(QemuHotplug plug)
    {
        var attaching = plug.AttachAsync(Nic, default);
        await ReplyAsync();
        await ReplyAsync();
        return await attaching.WaitAsync(Limit);
    }

    private Task DeletedAsync(string device) => _server.SayAsync(
        """{"event": "DEVICE_DELETED", "data": {"device": "@", "path": "/machine/peripheral/@"}, "timestamp": {"seconds": 1, "microseconds": 0}}"""
            .Replace("@", device, StringComparison.Ordinal));

    /// <summary>Answers the next command, at-sign for its id, and tells which it was.</summary>
    private async Task<string> ReplyAsync(string reply = """{"return": {}, "id": @}""")
    {
        var line = await _server.HearAsync().WaitAsync(Limit);
        using var command = JsonDocument.Parse(line!);
        await _server.SayAsync(
            reply.Trim().Replace("@", command.RootElement.GetProperty("id").GetRawText(), StringComparison.Ordinal));
        var arguments = command.RootElement.TryGetProperty("arguments", out var given) ? given.GetRawText() : "";
        return $"{command.RootElement.GetProperty("execute").GetString()} {arguments}";
    }
}
