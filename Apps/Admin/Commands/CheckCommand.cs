using System.CommandLine;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Microsoft.Extensions.DependencyInjection;

namespace Kata.Apps.Admin.Commands;

/// <summary>Tells whether a sandbox could start here, and what is missing if not.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var command = new Command("check", "whether this host can run a sandbox; exit code 1 if not");
        command.SetAction((_, ct) => RunAsync(ct));
        return command;
    }

    private static async Task<int> RunAsync(CancellationToken ct)
    {
        await using var services = AdminComposition.Build();
        RuntimeSettings settings;
        try
        {
            settings = RuntimeSettingsValidator.Require(await services.GetRequiredService<ISettingsSource>()
                .ReadAsync(null, new Dictionary<string, string>(), ct));
            Console.WriteLine($"ok       configuration {settings.Source}");
        }
        catch (KataException e)
        {
            Console.WriteLine($"missing  {e.Message}");
            return 1;
        }

        var good = await BootsAsync(services, settings, ct);
        good &= settings.Hypervisor.SharedFs == "none" || await ServesFilesAsync(services, settings, ct);
        Device("/dev/kvm", "accelerator", "without it guests run by emulation, slowly");
        Device("/dev/vhost-vsock", "guest channel", "without it vhost-user VSOCK or a serial port is used");
        return good ? 0 : 1;
    }

    private static async Task<bool> BootsAsync(ServiceProvider services, RuntimeSettings settings, CancellationToken ct)
    {
        try
        {
            var assets = await services.GetRequiredService<IBootAssets>().FindAsync(settings.Hypervisor, ct);
            Console.WriteLine(
                $"ok       hypervisor {settings.Hypervisor.Name}, kernel {assets.Kernel}, "
                + $"{(assets.Image is null ? $"initrd {assets.Initrd}" : $"image {assets.Image}")}");
            return true;
        }
        catch (KataException e)
        {
            Console.WriteLine($"missing  {e.Message}");
            return false;
        }
    }

    private static async Task<bool> ServesFilesAsync(
        ServiceProvider services, RuntimeSettings settings, CancellationToken ct)
    {
        try
        {
            var daemon = await services.GetRequiredService<ISharedFilesystem>().FindAsync(settings.Hypervisor, ct);
            Console.WriteLine($"ok       virtio_fs_daemon {daemon.Name}");
            foreach (var lack in daemon.Lacks)
                Console.WriteLine($"note     virtio_fs_daemon: with this one {lack}");
            return true;
        }
        catch (KataException e)
        {
            Console.WriteLine($"missing  {e.Message}");
            return false;
        }
    }

    private static void Device(string path, string what, string otherwise)
    {
        try
        {
            using var device = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
            Console.WriteLine($"ok       {what} {path}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.WriteLine($"note     {what} {path} cannot be opened: {otherwise}");
        }
    }
}
