using Kata.Core.Application.Ports;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Qemu;

/// <summary>QEMU as a hypervisor.</summary>
public static class QemuServices
{
    /// <summary>
    /// Adds the hypervisor <c>qemu</c>. Wants logging; takes the <see cref="TimeProvider"/> that is registered, else
    /// the system's.
    /// </summary>
    public static IServiceCollection AddQemu(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IHypervisor>(provider => new QemuHypervisor(
            new HostCapabilities(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<QemuHypervisor>>()));
        return services;
    }
}
