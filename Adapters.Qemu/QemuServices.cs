using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Qemu;

/// <summary>QEMU as a hypervisor.</summary>
public static class QemuServices
{
    /// <summary>
    /// Adds the hypervisor <c>qemu</c> and its settings. Wants logging; takes the <see cref="TimeProvider"/> that is
    /// registered, else the system's.
    /// </summary>
    public static IServiceCollection AddQemu(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IHypervisor>(provider => new QemuHypervisor(
            new HostCapabilities(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<QemuHypervisor>>()));
        return services.AddQemuSettings();
    }

    /// <summary>
    /// Adds the hypervisor's table of the configuration alone, for programs that read settings and run no machine.
    /// </summary>
    public static IServiceCollection AddQemuSettings(this IServiceCollection services) =>
        services.AddSingleton<IHypervisorSection, QemuSection>();
}
