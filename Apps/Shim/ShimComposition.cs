using Kata.Adapters.Guest;
using Kata.Adapters.Qemu;
using Kata.Adapters.Shimv2;
using Kata.Adapters.Vsock;
using Kata.Core.Application;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kata.Apps.Shim;

/// <summary>The only place that sees everything: the core and the adapters around it.</summary>
internal static class ShimComposition
{
    /// <summary>Adds the services of the shim.</summary>
    public static void Configure(IServiceCollection services)
    {
        // The log itself says what it takes; here everything passes.
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace));
        services.AddApplication().AddShimv2().AddVsock().AddGuestResources();
        services.AddQemu();
    }
}
