using Kata.Adapters.Vsock.Agent;
using Kata.Core.Application.Ports;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kata.Adapters.Vsock;

/// <summary>Registers what talks to the guest's agent.</summary>
public static class VsockServices
{
    /// <summary>Adds the connector for AF_VSOCK, hybrid VSOCK and virtio-serial.</summary>
    public static IServiceCollection AddVsock(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IGuestAgentConnector>(
            static s => new TtrpcAgentConnector(s.GetRequiredService<TimeProvider>()));
        return services;
    }
}
