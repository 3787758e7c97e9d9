using Kata.Adapters.Qemu;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>Devices of QEMU whose guest runs.</summary>
[Trait("category", "real")]
public sealed class QemuHotplugRealTests : DeviceHotplugContract
{
    private readonly QemuGuest _guest = new();

    protected override async Task<IDeviceHotplug> LaunchAsync() =>
        (await _guest.LaunchAsync(new VmResources(1, 1, 256, 256, 0), Ct)).Hotplug!;

    protected override Task StopAsync() => _guest.StopAsync();
}

/// <summary>The size of QEMU's machine whose guest runs.</summary>
[Trait("category", "real")]
public sealed class QemuResizeRealTests : VmResizeContract
{
    private readonly QemuGuest _guest = new();

    protected override async Task<IVmResize> LaunchAsync() => (await _guest.LaunchAsync(Start, Ct)).Resize!;

    protected override Task StopAsync() => _guest.StopAsync();
}
