using System.Net.Sockets;
using System.Runtime.InteropServices;
using Kata.Adapters.Shimv2.Errors;
using Kata.Adapters.Shimv2.Logging;
using Kata.Adapters.Shimv2.Tasks;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Monitoring;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Kata.Platform.Ttrpc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>The long-lived shim: serves the task service until it has been shut down or the host stops it.</summary>
internal static class ShimServer
{
    /// <summary>Where events go.</summary>
    public const string TtrpcAddress = "TTRPC_ADDRESS";

    /// <summary>Makes the runtime run a socket's continuation where the kernel's answer is read.</summary>
    public const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    private const int MaxCalls = 16 * 1024;

    // What is still being answered when all has ended: replies on their way, no work.
    private static readonly TimeSpan LastReplies = TimeSpan.FromSeconds(2);

    /// <summary>Serves; answers the exit code.</summary>
    public static async Task<int> RunAsync(ShimArguments arguments, Action<IServiceCollection> compose)
    {
        // The bundle may vanish under us: what is needed of it is opened now, and its name is only a name from here on.
        var bundle = Directory.GetCurrentDirectory();
        // A process's streams take seven, and a service's soft limit is made for programs that still use select(2).
        OpenFiles.Raise();
        using var log = new ContainerdLog(ContainerdLog.OpenFifo(bundle), arguments.Debug, TimeProvider.System);
        Directory.SetCurrentDirectory("/");
        PanicLog.Install(bundle);

        using var listener = UnixSocket.FromInheritedDescriptor(ShimLauncher.ListenerDescriptor);
        try
        {
            await using var provider = ShimServices.Build(arguments, SandboxId.Parse(arguments.Id), log, compose);
            await ServeAsync(provider, listener);
            return 0;
        }
        catch (Exception e)
        {
            PanicLog.Write(bundle, e);
            return 1;
        }
        finally
        {
            if (arguments.Socket.Length > 0)
                ShimSocket.Unlink(arguments.Socket);
        }
    }

    private static async Task ServeAsync(ServiceProvider provider, Socket listener)
    {
        var logger = provider.GetRequiredService<ILoggerFactory>().CreateLogger("shim");
        using var unobserved = new UnobservedFaults(logger);
        var lifetime = provider.GetRequiredService<ShimLifetime>();
        var sender = provider.GetRequiredService<ISender>();
        // The owner of this directory is the effective user and group: only their like may call.
        var self = FileStatus.Of("/proc/self");
        await using var server = new TtrpcServer(new TtrpcServerOptions
        {
            AcceptPeer = socket => UnixSocket.Peer(socket) is var peer && peer.UserId == self.UserId
                && peer.GroupId == self.GroupId,
            // A manager waits for each process by a call of its own, and for all of them on one connection.
            MaxCallsInFlight = MaxCalls,
            IsUrgent = static (_, method) => method is "State" or "Kill" or "Delete" or "Connect" or "Shutdown",
            OnHandlerError = (method, fault) => ServerLog.Broke(logger, method, fault),
        });
        using var memory = IdleMemory.OfThisProcess();
        AddTaskService(server, provider.GetRequiredService<TaskService>(), memory);

        // systemd signals everything in the scope: a shim that dies at once leaves the guest to be killed hard.
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, sender, logger));
        using var interrupt = PosixSignalRegistration.Create(
            PosixSignal.SIGINT, context => End(context, sender, logger));

        using var stop = new CancellationTokenSource();
        var serving = server.ServeAsync(listener, stop.Token);
        provider.GetRequiredService<AbandonmentWatcher>().Start();
        ServerLog.Serving(logger, ShimVersion.Text, Environment.ProcessId);
        if (await Task.WhenAny(serving, lifetime.Ended) == serving)
            await serving;

        using var lastReplies = new CancellationTokenSource(LastReplies);
        await server.StopAsync(lastReplies.Token);
        ServerLog.Ending(logger);
    }

    /// <summary>The same methods under both names.</summary>
    internal static void AddTaskService(TtrpcServer server, TaskService service, IdleMemory memory)
    {
        foreach (var name in (ReadOnlySpan<string>)[TaskService.V2, TaskService.V3])
            server.AddService(
                binder => Platform.Protos.Containerd.TaskV2.Task.BindService(
                    new ErrorMappingBinder(new IdleBinder(binder, memory)), service), name);
    }

    private static void End(PosixSignalContext context, ISender sender, ILogger logger)
    {
        context.Cancel = true;
        ServerLog.Signalled(logger, context.Signal.ToString());
        _ = EndAsync(sender, logger);
    }

    private static async Task EndAsync(ISender sender, ILogger logger)
    {
        try
        {
            await sender.Send(new ShutDownShim(Now: true), CancellationToken.None);
        }
        catch (Exception e)
        {
            ServerLog.Broke(logger, nameof(ShutDownShim), e);
        }
    }
}
