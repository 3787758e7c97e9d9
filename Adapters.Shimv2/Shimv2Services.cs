using System.Text;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Adapters.Shimv2.Configuration;
using Kata.Adapters.Shimv2.Events;
using Kata.Adapters.Shimv2.Management;
using Kata.Adapters.Shimv2.Stdio;
using Kata.Adapters.Shimv2.Tasks;
using Kata.Core.Application.Ports;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Microsoft.Extensions.DependencyInjection;

namespace Kata.Adapters.Shimv2;

/// <summary>
/// containerd's side of the shim: its process contract, its task service, events, streams, configuration, log.
/// </summary>
public static class Shimv2Services
{
    // What Go's flag package ends with on a wrong command line.
    private const int UsageError = 2;

    /// <summary>Adds the ports that this adapter implements and the task service.</summary>
    public static IServiceCollection AddShimv2(this IServiceCollection services)
    {
        services.AddSingleton(ConfigSearchPath.OfThisProcess());
        services.AddSingleton<ISettingsSource, SettingsReader>();
        services.AddSingleton<IShimSockets, ShimSockets>();
        services.AddSingleton<IShimManagement, ManagementClient>();
        services.AddSingleton<BinaryLoggers>();
        services.AddSingleton<IProcessStdio, ProcessStdio>();
        services.AddSingleton<IEventsConnection, EventsConnection>();
        services.AddSingleton<ITaskEvents>(provider => provider.GetRequiredService<ShimEnvironment>().IsCrio
            ? ActivatorUtilities.CreateInstance<CrioEvents>(provider)
            : ActivatorUtilities.CreateInstance<EventForwarder>(provider));
        services.AddSingleton<CrioCompatibility>();
        services.AddSingleton<TaskService>();
        services.AddSingleton<MediatR.INotificationHandler<SandboxStarted>, ManagementSocket>();
        return services;
    }

    /// <summary>
    /// Runs the binary as the command line says and answers its exit code. <paramref name="compose"/> adds the services
    /// of the actions that need any.
    /// </summary>
    public static Task<int> RunAsync(string[] args, Action<IServiceCollection> compose)
    {
        ArgumentNullException.ThrowIfNull(args);
        // First of all: this process is about to become another program.
        if (args is [ProcessSpawner.Verb, ..])
            return Task.FromResult(SpawnVerb.Run(args));

        var program = Path.GetFileName(Environment.ProcessPath) ?? "containerd-shim-kata-v2";
        try
        {
            var arguments = ShimArguments.Parse(args);
            if (arguments.Namespace.Length == 0
                && arguments.Action is not (ShimAction.Version or ShimAction.Info or ShimAction.Features))
                throw new KataException(ErrorKind.InvalidArgument, "shim namespace cannot be empty");
            switch (arguments.Action)
            {
                case ShimAction.Start:
                    StandardStream.WriteOutput(StartCommand.Run(arguments, StandardStream.ReadInput()));
                    return Task.FromResult(0);
                case ShimAction.Info:
                    StandardStream.WriteOutput(InfoCommand.Run());
                    return Task.FromResult(0);
                case ShimAction.Features:
                    StandardStream.WriteOutput(FeaturesCommand.Run());
                    return Task.FromResult(0);
                case ShimAction.Version:
                    StandardStream.WriteOutput(
                        Encoding.UTF8.GetBytes(
                            $"{program}:\n  Runtime:  {InfoCommand.RuntimeName}\n  Version:  {ShimVersion.Text}\n"));
                    return Task.FromResult(0);
                case ShimAction.Delete:
                    return RunDeleteAsync(program, arguments, compose);
                default:
                    return ShimServer.RunAsync(arguments, compose);
            }
        }
        catch (UsageException e)
        {
            StandardStream.WriteError((e.Message.Length > 0 ? e.Message + "\n" : "") + ShimArguments.Usage(program));
            return Task.FromResult(e.Message.Length > 0 ? UsageError : 0);
        }
        catch (Exception e)
        {
            return Task.FromResult(Fail(program, e));
        }
    }

    private static async Task<int> RunDeleteAsync(
        string program, ShimArguments arguments, Action<IServiceCollection> compose)
    {
        try
        {
            StandardStream.WriteOutput(await DeleteCommand.RunAsync(arguments, compose));
            return 0;
        }
        catch (Exception e)
        {
            return Fail(program, e);
        }
    }

    /// <summary>
    /// The daemon shows this to the user as it is: a sentence for what we foresaw, everything for what we did not.
    /// </summary>
    private static int Fail(string program, Exception e)
    {
        var isSaid = e is KataException or IOException or System.Net.Sockets.SocketException;
        StandardStream.WriteError($"{program}: {(isSaid ? e.Message : e.ToString())}\n");
        return 1;
    }
}
