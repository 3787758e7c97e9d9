using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IDeviceHotplug"/> keeps to, for a guest that lets go of what is taken away.</summary>
public abstract class DeviceHotplugContract : IAsyncLifetime
{
    private const long Mib = 1 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("hotplug").FullName;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(90));

    protected IDeviceHotplug Port { get; private set; } = null!;

    protected CancellationToken Ct => _limit.Token;

    public async Task InitializeAsync() => Port = await LaunchAsync();

    public async Task DisposeAsync()
    {
        await StopAsync();
        _limit.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Launches a machine whose guest runs.</summary>
    protected abstract Task<IDeviceHotplug> LaunchAsync();

    /// <summary>Ends it.</summary>
    protected abstract Task StopAsync();

    [Fact]
    public async Task Attach_tells_for_each_device_another_place_and_detach_leaves_it_to_the_next()
    {
        var one = await Port.AttachAsync(Disk("one"), Ct);
        var two = await Port.AttachAsync(Disk("two"), Ct);

        await Port.DetachAsync(one, Ct);
        await Port.DetachAsync(one, Ct);
        var three = await Port.AttachAsync(Disk("three"), Ct);

        one.GuestAddress.Should().MatchRegex("^[0-9a-f]{2}/[0-9a-f]{2}$").And.NotBe(two.GuestAddress);
        three.GuestAddress.Should().Be(one.GuestAddress);
    }

    [Fact]
    public async Task Detach_of_a_device_that_is_not_there_is_nothing() =>
        await Port.DetachAsync(new AttachedDevice(Disk("never"), "02/01"), Ct);

    [Fact]
    public async Task Attach_of_a_kind_that_only_a_launch_gives_is_refused() =>
        (await Port.Awaiting(p => p.AttachAsync(new RngDevice(HostPath.Parse("/dev/urandom", "rng")), Ct))
            .Should().ThrowAsync<KataException>()).Which.Kind.Should().Be(ErrorKind.InvalidArgument);

    [Fact]
    public async Task Resize_of_a_disk_makes_it_larger_and_never_smaller()
    {
        var disk = await Port.AttachAsync(Disk("grows"), Ct);

        await Port.ResizeAsync(disk, 2 * Mib, Ct);
        await Port.ResizeAsync(disk, 2 * Mib, Ct);

        await RefusedAsync(disk, Mib);
    }

    [Fact]
    public async Task Resize_of_a_disk_that_cannot_be_written_is_refused() =>
        await RefusedAsync(await Port.AttachAsync(Disk("fixed") with { ReadOnly = true }, Ct), 2 * Mib);

    private async Task RefusedAsync(AttachedDevice disk, long bytes) =>
        (await Port.Awaiting(p => p.ResizeAsync(disk, bytes, Ct)).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);

    private BlockDevice Disk(string name)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, new byte[Mib]);
        return new BlockDevice(name, HostPath.Parse(path, "disk"), ReadOnly: false);
    }
}
