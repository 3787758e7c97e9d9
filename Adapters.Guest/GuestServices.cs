using Kata.Adapters.Guest.Assets;
using Kata.Adapters.Guest.Bundles;
using Kata.Adapters.Guest.Cgroups;
using Kata.Adapters.Guest.Cleanup;
using Kata.Adapters.Guest.Files;
using Kata.Adapters.Guest.Hooks;
using Kata.Adapters.Guest.Network;
using Kata.Adapters.Guest.Rootfs;
using Kata.Adapters.Guest.State;
using Kata.Adapters.Guest.Volumes;
using Kata.Core.Application.Ports;
using Microsoft.Extensions.DependencyInjection;

namespace Kata.Adapters.Guest;

/// <summary>
/// What the host gives the guest: files, root filesystems, cgroup, boot assets, and the record of it all.
/// </summary>
public static class GuestServices
{
    /// <summary>Registers the adapter's ports.</summary>
    public static IServiceCollection AddGuestResources(this IServiceCollection services) => services
        .AddSingleton<ISharedFilesystem, VirtioFs>()
        .AddSingleton<ISandboxNetwork, NetnsNetwork>()
        .AddSingleton<ILocalPorts, Network.LocalPorts>()
        .AddSingleton<INameServer, DockerNameServer>()
        .AddSingleton<ISandboxCgroup, SandboxCgroup>()
        .AddSingleton<IRootfsMounter, RootfsMounter>()
        .AddSingleton<IHostFiles, HostFiles>()
        .AddSingleton<IDirectVolumes, DirectVolumes>()
        .AddSingleton<IBootAssets, BootAssetLocator>()
        .AddSingleton<IBundleReader, BundleReader>()
        .AddSingleton<IHookRunner, HookRunner>()
        .AddSingleton<IResourceReleaser, ResourceReleaser>()
        .AddSingleton<ISandboxStore, SandboxStore>()
        .AddSingleton<ITimelines, Timelines>()
        .AddSingleton<IHostDevices, HostDevices>();
}
