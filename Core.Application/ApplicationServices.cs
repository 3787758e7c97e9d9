using Kata.Core.Application.Containers;
using Kata.Core.Application.Containers.Volumes;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Monitoring;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Processes;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Domain.Containers;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application;

/// <summary>Registers every use case and reaction, by name.</summary>
public static class ApplicationServices
{
    /// <summary>
    /// What an administrator's tool needs to release what dead shims left; the ports for it are the caller's.
    /// </summary>
    public static IServiceCollection AddReaping(this IServiceCollection services) => services
        .AddMessaging()
        .AddSingleton<SandboxTeardown>()
        .AddUseCase<ReapSandboxes, ReapSandboxesReply, ReapSandboxesHandler>();

    private static IServiceCollection AddMessaging(this IServiceCollection services) => services
        .AddSingleton<ServiceFactory>(provider => provider.GetService!)
        .AddSingleton<EventMediator>()
        .AddSingleton<IMediator>(provider => provider.GetRequiredService<EventMediator>())
        .AddSingleton<ISender>(provider => provider.GetRequiredService<EventMediator>());

    /// <summary>
    /// The application core. The caller adds a <see cref="ShimIdentity"/>, a <see cref="TimeProvider"/>, logging and an
    /// implementation of every port.
    /// </summary>
    public static IServiceCollection AddApplication(this IServiceCollection services)
    {
        services.AddMessaging();
        services.AddSingleton<LiveSandbox>();
        services.AddSingleton<ContainerRegistry>();
        services.AddSingleton<EventPublisher>();
        services.AddSingleton<SandboxTeardown>();
        services.AddSingleton<SandboxRecorder>();
        services.AddSingleton<SandboxStopper>();
        services.AddSingleton<SandboxBoot>();
        services.AddSingleton<SandboxCgroups>();
        services.AddSingleton<VcpuBinding>();
        services.AddSingleton<SandboxSizer>();
        services.AddSingleton<SandboxNetworking>();
        services.AddSingleton<MachineWatcher>();
        services.AddSingleton<NetworkWatcher>();
        services.AddSingleton<PortForwarder>();
        services.AddSingleton<NameRelay>();
        services.AddSingleton<OomWatcher>();
        services.AddSingleton<UnmountWatcher>();
        services.AddSingleton<KillWatcher>();
        services.AddSingleton<ContainerRelease>();
        services.AddSingleton<BlockAttachments>();
        services.AddSingleton<VolumePlacer>();
        services.AddSingleton<HostParts>();
        services.AddSingleton<CreationCanceller>();
        services.AddSingleton(provider => new ShimLifetime(
            provider.GetRequiredService<SandboxStopper>(),
            provider.GetRequiredService<ITaskEvents>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<ShimLifetime>>()));
        services.AddSingleton(provider => new AbandonmentWatcher(
            provider.GetRequiredService<ContainerRegistry>(),
            provider.GetRequiredService<ShimLifetime>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<AbandonmentWatcher>>()));

        return services
            .AddUseCase<CreateContainer, CreateContainerReply, CreateContainerHandler>()
            .AddUseCase<PauseContainer, Done, PauseContainerHandler>()
            .AddUseCase<ResumeContainer, Done, ResumeContainerHandler>()
            .AddUseCase<UpdateContainer, Done, UpdateContainerHandler>()
            .AddUseCase<GetContainerStats, GetContainerStatsReply, GetContainerStatsHandler>()
            .AddUseCase<GetVolumeUsage, VolumeUsage, GetVolumeUsageHandler>()
            .AddUseCase<ResizeVolume, Done, ResizeVolumeHandler>()
            .AddUseCase<StartProcess, StartProcessReply, StartProcessHandler>()
            .AddUseCase<AddExec, Done, AddExecHandler>()
            .AddUseCase<SignalProcess, Done, SignalProcessHandler>()
            .AddUseCase<ResizeTerminal, Done, ResizeTerminalHandler>()
            .AddUseCase<CloseStdin, Done, CloseStdinHandler>()
            .AddUseCase<WaitProcess, WaitProcessReply, WaitProcessHandler>()
            .AddUseCase<DeleteProcess, DeleteProcessReply, DeleteProcessHandler>()
            .AddUseCase<GetProcessState, GetProcessStateReply, GetProcessStateHandler>()
            .AddUseCase<ListProcesses, ListProcessesReply, ListProcessesHandler>()
            .AddUseCase<StopSandbox, Done, StopSandboxHandler>()
            .AddUseCase<CleanUpSandbox, CleanUpSandboxReply, CleanUpSandboxHandler>()
            .AddUseCase<GetShimIdentity, GetShimIdentityReply, GetShimIdentityHandler>()
            .AddUseCase<ShutDownShim, ShutDownShimReply, ShutDownShimHandler>()
            .AddUseCase<RecordProcessExit, Done, RecordProcessExitHandler>()
            .AddUseCase<RecordMachineExit, Done, RecordMachineExitHandler>()
            .AddUseCase<RecordOutOfMemory, Done, RecordOutOfMemoryHandler>()
            .AddReaction<ProcessExited, StopSandboxWhenItsInitExits>();
    }
}
