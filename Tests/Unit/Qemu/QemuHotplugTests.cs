using System.Text.Json;
using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Adapters.Qemu.Qmp;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Tests.Scripted;
using Xunit;

namespace Kata.Tests.Unit.Qemu;

public sealed class QemuHotplugTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly NetworkDevice Card = new("net0", "tap0_kata", new MacAddress(0x02000000002a), 1);

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
    public async Task Attach_when_card_opens_the_tap_and_places_it()
    {
        var plug = new QemuHotplug(_control, vhostNet: true, TimeProvider.System);

        var attaching = plug.AttachAsync(Card, default);
        (await ReplyAsync()).Should().Be(
            """netdev_add {"id":"net0","ifname":"tap0_kata","vhost":true,"type":"tap","script":"no","downscript":"no"}""");
        (await ReplyAsync()).Should().Be(
            """device_add {"driver":"virtio-net-pci","id":"nic-net0","bus":"hot","addr":"01","romfile":"","netdev":"net0","mac":"02:00:00:00:00:2a"}""");

        (await attaching.WaitAsync(Limit)).GuestAddress.Should().Be("02/01");
    }

    [Fact]
    public async Task Attach_when_device_is_refused_closes_the_tap_and_returns_the_slot()
    {
        var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);

        var attaching = plug.AttachAsync(Card, default);
        await ReplyAsync();
        await ReplyAsync("""{"error": {"class": "GenericError", "desc": "no room"}, "id": @}""");
        (await ReplyAsync()).Should().Be("""netdev_del {"id":"net0"}""");
        (await attaching.Invoking(a => a.WaitAsync(Limit)).Should().ThrowAsync<KataException>()).WithMessage("QEMU did not add device nic-net0: no room");

        var again = plug.AttachAsync(Card, default);
        await ReplyAsync();
        await ReplyAsync();
        (await again.WaitAsync(Limit)).GuestAddress.Should().Be("02/01");
    }

    [Fact]
    public async Task Detach_when_guest_lets_go_waits_for_that_and_closes_the_tap()
    {
        var plug = new QemuHotplug(_control, vhostNet: false, TimeProvider.System);
        var attached = await AttachAsync(plug);

        var detaching = plug.DetachAsync(attached, default);
        (await ReplyAsync()).Should().Be("""device_del {"id":"nic-net0"}""");
        await _server.SayAsync("""{"event": "DEVICE_DELETED", "data": {"path": "/machine/peripheral/nic-net0/virtio-backend"}}""");
        detaching.IsCompleted.Should().BeFalse();
        await _server.SayAsync("""{"event": "DEVICE_DELETED", "data": {"device": "nic-net0", "path": "/machine/peripheral/nic-net0"}}""");
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

        (await detaching.Invoking(d => d.WaitAsync(Limit)).Should().ThrowAsync<KataException>()).Which.Kind.Should().Be(ErrorKind.Unavailable);
    }

    [Fact]
    public async Task Detach_when_unknown_says_nothing_to_qemu() =>
        await new QemuHotplug(_control, false, TimeProvider.System).DetachAsync(new AttachedDevice(Card, "02/01"), default).WaitAsync(Limit);

    [Fact]
    public async Task Resize_when_grown_fills_the_lowest_cpu_slot_and_whole_sections()
    {
        var resize = new QemuResize(_control, new VmResources(1, 3, 512, 1024, 2));

        var resizing = resize.ResizeAsync(new VmResources(2, 3, 600, 1024, 2), default);
        (await ReplyAsync("""
            {"return": [{"type": "max-x86_64-cpu", "vcpus-count": 1, "props": {"core-id": 0, "thread-id": 0, "node-id": 0, "socket-id": 2}}, {"type": "max-x86_64-cpu", "vcpus-count": 1, "props": {"core-id": 0, "thread-id": 0, "socket-id": 1}}, {"type": "max-x86_64-cpu", "qom-path": "/machine/unattached/device[0]", "vcpus-count": 1, "props": {"core-id": 0, "thread-id": 0, "socket-id": 0}}], "id": @}
            """)).Should().Be("query-hotpluggable-cpus ");
        (await ReplyAsync()).Should().Be("""device_add {"core-id":0,"thread-id":0,"socket-id":1,"driver":"max-x86_64-cpu","id":"cpu-0"}""");
        (await ReplyAsync()).Should().Be("""object-add {"id":"ram-0","size":134217728,"qom-type":"memory-backend-memfd","share":true}""");
        (await ReplyAsync()).Should().Be("""device_add {"driver":"pc-dimm","id":"dimm-0","memdev":"ram-0"}""");

        (await resizing.WaitAsync(Limit)).Should().Be(new VmResources(2, 3, 640, 1024, 2));
    }

    [Fact]
    public async Task Resize_when_less_is_wanted_keeps_what_there_is() =>
        (await new QemuResize(_control, new VmResources(2, 3, 512, 1024, 2)).ResizeAsync(new VmResources(1, 3, 256, 1024, 2), default).WaitAsync(Limit))
            .Should().Be(new VmResources(2, 3, 512, 1024, 2));

    private async Task<AttachedDevice> AttachAsync(QemuHotplug plug)
    {
        var attaching = plug.AttachAsync(Card, default);
        await ReplyAsync();
        await ReplyAsync();
        return await attaching.WaitAsync(Limit);
    }

    /// <summary>Answers the next command, at-sign for its id, and tells which it was.</summary>
    private async Task<string> ReplyAsync(string reply = """{"return": {}, "id": @}""")
    {
        var line = await _server.HearAsync().WaitAsync(Limit);
        using var command = JsonDocument.Parse(line!);
        await _server.SayAsync(reply.Trim().Replace("@", command.RootElement.GetProperty("id").GetRawText(), StringComparison.Ordinal));
        var arguments = command.RootElement.TryGetProperty("arguments", out var given) ? given.GetRawText() : "";
        return $"{command.RootElement.GetProperty("execute").GetString()} {arguments}";
    }
}
