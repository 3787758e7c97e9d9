using Kata.Adapters.Shimv2.Logging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Application.State;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>The services of one process: what the composition adds, and what only the command line knows.</summary>
internal static class ShimServices
{
    public static ServiceProvider Build(
        ShimArguments arguments, SandboxId sandbox, ContainerdLog log, Action<IServiceCollection> compose)
    {
        var services = new ServiceCollection();
        services.AddSingleton(new ShimIdentity(sandbox, new SandboxOwner(arguments.Namespace, arguments.Address)));
        services.AddSingleton(
            new ShimEnvironment(
                arguments.Namespace, Environment.GetEnvironmentVariable(ShimServer.TtrpcAddress) ?? ""));
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(log);
        services.AddSingleton<ILoggerProvider>(log);
        compose(services);
        return services.BuildServiceProvider();
    }
}
