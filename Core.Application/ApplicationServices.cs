using Kata.Core.Application.Administration;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Monitoring;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Processes;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.Sandboxes.Boot;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Application.State;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application;

/// <summary>Registers every use case and reaction, by name.</summary>
public static class ApplicationServices
{
    /// <summary>
    /// What an administrator's tool asks of a host and has done on it. The caller adds a <see cref="TimeProvider"/>,
    /// logging and the ports for it.
    /// </summary>
    public static IServiceCollection AddAdministration(this IServiceCollection services) => services
        .AddMessaging()
        .AddSingleton<SandboxTeardown>()
        .AddUseCase<CheckHost, CheckHostReply, CheckHostHandler>()
        .AddUseCase<ListSandboxes, ListSandboxesReply, ListSandboxesHandler>()
        .AddUseCase<GetTimeline, GetTimelineReply, GetTimelineHandler>()
        .AddUseCase<ReapSandboxes, ReapSandboxesReply, ReapSandboxesHandler>()
        .AddUseCase<AddDirectVolume, Done, AddDirectVolumeHandler, AddDirectVolumeRules>()
        .AddUseCase<RemoveDirectVolume, Done, RemoveDirectVolumeHandler>()
        .AddUseCase<GetDirectVolumeUsage, GetDirectVolumeUsageReply, GetDirectVolumeUsageHandler>()
        .AddUseCase<ResizeDirectVolume, Done, ResizeDirectVolumeHandler, ResizeDirectVolumeRules>();

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
        services.AddSingleton<SandboxCgroups>();
        services.AddSingleton<VcpuBinding>();
        services.AddSingleton<SandboxSizer>();
        services.AddSingleton<SandboxNetworking>();
        services.AddSingleton<NameRelay>();
        services.AddSingleton<KillWatcher>();
        services.AddSingleton<ContainerRelease>();
        services.AddSingleton<BlockAttachments>();
        services.AddSingleton<VolumePlacer>();
        services.AddSingleton<HostParts>();
        services.AddSingleton<RootPreparer>();
        services.AddSingleton<BundleCheck>();
        services.AddSingleton<CreationFactory>();
        services.AddSingleton<SandboxProvider>();
        services.AddSingleton<GuestContainerMaker>();
        services.AddSingleton<CreationCanceller>();
        services.AddSingleton<LateHooks>();
        services.AddSingleton<ProcessWatchers>();
        services.AddSingleton(provider => new ShimLifetime(
            provider.GetRequiredService<ISender>(),
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
            .AddUseCase<ResizeVolume, Done, ResizeVolumeHandler, ResizeVolumeRules>()
            .AddUseCase<StartProcess, StartProcessReply, StartProcessHandler>()
            .AddUseCase<AddExec, Done, AddExecHandler>()
            .AddUseCase<SignalProcess, Done, SignalProcessHandler>()
            .AddUseCase<ResizeTerminal, Done, ResizeTerminalHandler>()
            .AddUseCase<CloseStdin, Done, CloseStdinHandler>()
            .AddUseCase<WaitProcess, WaitProcessReply, WaitProcessHandler>()
            .AddUseCase<DeleteProcess, DeleteProcessReply, DeleteProcessHandler>()
            .AddUseCase<GetProcessState, GetProcessStateReply, GetProcessStateHandler>()
            .AddUseCase<ListProcesses, ListProcessesReply, ListProcessesHandler>()
            .AddBoot()
            .AddUseCase<StartSandbox, Done, StartSandboxHandler>()
            .AddUseCase<StopSandbox, Done, StopSandboxHandler>()
            .AddUseCase<CleanUpSandbox, CleanUpSandboxReply, CleanUpSandboxHandler>()
            .AddUseCase<GetShimIdentity, GetShimIdentityReply, GetShimIdentityHandler>()
            .AddUseCase<ShutDownShim, ShutDownShimReply, ShutDownShimHandler>()
            .AddUseCase<RecordProcessExit, Done, RecordProcessExitHandler>()
            .AddUseCase<RecordMachineExit, Done, RecordMachineExitHandler>()
            .AddUseCase<RecordOutOfMemory, Done, RecordOutOfMemoryHandler>()
            .AddReactions();
    }

    private static IServiceCollection AddBoot(this IServiceCollection services) => services
        .AddSingleton(BootPlan.Create)
        .AddSingleton<ReadSettings>()
        .AddSingleton<ClaimState>()
        .AddSingleton<OpenNamespace>()
        .AddSingleton<EnterCgroup>()
        .AddSingleton<FindAssets>()
        .AddSingleton<StartShare>()
        .AddSingleton<AttachLinks>()
        .AddSingleton<LaunchVmm>()
        .AddSingleton<PrepareRoot>()
        .AddSingleton<DialAgent>()
        .AddSingleton<SetGuestNetwork>()
        .AddSingleton<OpenGuest>()
        .AddSingleton<OnlineCpus>();

    // Those of one event run in this order: whoever reads the snapshot finds the machine watched.
    private static IServiceCollection AddReactions(this IServiceCollection services) => services
        .AddReaction<SandboxStarted, MachineWatcher>()
        .AddReaction<SandboxStarted, PortForwarder>()
        .AddReaction<SandboxStarted, OomWatcher>()
        .AddReaction<SandboxStarted, UnmountWatcher>()
        .AddReaction<SandboxStarted, SandboxRecorder>()
        .AddReaction<ContainerCreated, SandboxRecorder>()
        .AddReaction<ContainerStarted, NetworkWatcher>()
        .AddReaction<ProcessExited, StopSandboxWhenItsInitExits>()
        .AddReaction<ContainerDeleted, SandboxRecorder>();
}
