using Kata.Adapters.Guest;
using Kata.Adapters.Qemu;
using Kata.Adapters.Shimv2;
using Kata.Core.Application;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kata.Apps.Admin;

/// <summary>The ports that an administrator's questions and clean-ups need; no sandbox is run from here.</summary>
internal static class AdminComposition
{
    public static ServiceProvider Build()
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Warning));
        services.AddSingleton(TimeProvider.System);
        services.AddShimv2().AddGuestResources().AddAdministration().AddQemuSettings();
        return services.BuildServiceProvider();
    }
}
