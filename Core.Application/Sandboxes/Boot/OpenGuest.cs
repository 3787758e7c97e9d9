using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>
/// Has the agent open its sandbox: host name, name servers, shared directory, shared memory, modules.
/// </summary>
internal sealed class OpenGuest(IBundleReader bundles, IHostFiles files) : IBootStep
{
    public string Phase => "open-sandbox";

    public async Task RunAsync(BootContext boot, CancellationToken ct)
    {
        boot.Guest = await boot.Agent.OpenAsync(
            new GuestSandboxSpec
            {
                Sandbox = boot.Sandbox.Id,
                Hostname = GuestHostname.Cut(boot.Spec.Hostname ?? ""),
                Dns = await ReadNameServersAsync(boot, ct),
                Storages = [.. Shared(boot), await SharedMemoryAsync(boot, ct)],
                KernelModules = boot.Settings.Guest.KernelModules,
            },
            ct);
    }

    private async Task<IReadOnlyList<string>> ReadNameServersAsync(BootContext boot, CancellationToken ct) =>
        boot.Spec.Mounts.LastOrDefault(m => m.Destination == "/etc/resolv.conf") is { } mount
            && HostPath.TryParse(mount.Source) is { } source
            ? await bundles.ReadLinesAsync(source, ct)
            : [];

    private static IEnumerable<GuestMount> Shared(BootContext boot)
    {
        if (boot.Share is null)
            yield break;
        yield return new GuestMount
        {
            Driver = "virtio-fs",
            Source = GuestPaths.ShareTag,
            FsType = "virtiofs",
            MountPoint = GuestPaths.Share,
            Options = boot.Settings.Hypervisor.VirtioFsDaxMib > 0 ? ["dax"] : [],
        };
    }

    private async Task<GuestMount> SharedMemoryAsync(BootContext boot, CancellationToken ct) => new()
    {
        Driver = "ephemeral",
        Source = "shm",
        FsType = "tmpfs",
        MountPoint = GuestPaths.SandboxShm,
        Options = ["noexec", "nosuid", "nodev", "mode=1777",
            $"size={await SharedMemory.SizeAsync(boot.Spec, files, ct)}"],
    };
}
