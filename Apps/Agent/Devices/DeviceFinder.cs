using System.Globalization;
using Kata.Apps.Agent.Boot;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Devices;

/// <summary>
/// Finds what the host has hot-plugged, by its place in the machine and never by a name that the kernel might give it.
/// A device may come a moment later than the call that names it; the kernel's events tell, for so long at most.
/// </summary>
/// <param name="modules">Drivers are loaded when somebody asks for their devices.</param>
/// <param name="limit">How long a device may take.</param>
/// <param name="sys">For the guest <c>/sys</c>.</param>
/// <param name="dev">For the guest <c>/dev</c>.</param>
internal sealed class DeviceFinder(ModuleLoader modules, TimeSpan limit, string sys = "/sys", string dev = "/dev")
{
    private string Devices => Path.Combine(sys, "devices");

    /// <summary>The disk that a storage or a device message names, by the driver that it is attached with.</summary>
    public Task<BlockNode> FindBlockAsync(string driver, string address, CancellationToken cancellation) =>
        driver switch
        {
            "blk" when address.StartsWith('/') => FindNodeAsync("virtio_blk", address, cancellation),
            "blk" => FindBlockAsync(ParsePci(address), cancellation),
            "mmioblk" => FindNodeAsync("virtio_blk", address, cancellation),
            "scsi" => FindScsiAsync(address, cancellation),
            "nvdimm" => FindPersistentMemoryAsync(address, cancellation),
            _ => throw AgentRefusals.Invalid($"block devices of type '{driver}' are unknown to this agent"),
        };

    /// <summary>The whole disk of a virtio-blk device.</summary>
    public Task<BlockNode> FindBlockAsync(PciPath path, CancellationToken cancellation)
    {
        modules.Require("virtio_blk");
        return WaitAsync(
            () => Locate(path, "block", entry => BlockNode.OfEntry(entry, dev)), $"a disk at PCI path {path}",
            cancellation);
    }

    /// <summary>The name of the network link of a virtio NIC.</summary>
    public Task<string> FindLinkAsync(string path, CancellationToken cancellation)
    {
        var parsed = ParsePci(path);
        modules.Require("virtio_net");
        return WaitAsync(
            () => Locate(parsed, "net", entry => Path.GetFileName(entry)), $"a NIC at PCI path {path}",
            cancellation);
    }

    /// <summary>Completes when there is a device, whatever drives it.</summary>
    public Task WaitForDeviceAsync(string path, CancellationToken cancellation)
    {
        var parsed = ParsePci(path);
        return WaitAsync(() => parsed.Locate(Devices), $"a device at PCI path {path}", cancellation);
    }

    private static PciPath ParsePci(string text)
    {
        try
        {
            return PciPath.Parse(text);
        }
        catch (FormatException e)
        {
            throw AgentRefusals.Invalid(e.Message);
        }
    }

    /// <summary>The one entry of a kind that a virtio device has.</summary>
    private T? Locate<T>(PciPath path, string kind, Func<string, T?> make)
        where T : class
    {
        if (path.Locate(Devices) is not { } device)
        {
            return null;
        }

        foreach (var virtio in Entries(device, "virtio*"))
        {
            if (Entries(Path.Combine(virtio, kind), "*") is [var entry])
            {
                return make(entry);
            }
        }

        return null;
    }

    private Task<BlockNode> FindNodeAsync(string module, string path, CancellationToken cancellation)
    {
        var name = NodeName(path);
        modules.Require(module);
        return WaitAsync(() => BlockNode.TryOf(Path.Combine(dev, name)), $"the disk {path}", cancellation);
    }

    private Task<BlockNode> FindPersistentMemoryAsync(string path, CancellationToken cancellation)
    {
        modules.Require("nfit");
        modules.Require("virtio_pmem");
        return FindNodeAsync("nd_pmem", path, cancellation);
    }

    private Task<BlockNode> FindScsiAsync(string address, CancellationToken cancellation)
    {
        var parts = address.Split(':');
        if (parts.Length != 2 || !TryNumber(parts[0], out var target) || !TryNumber(parts[1], out var unit))
        {
            throw AgentRefusals.Invalid($"'{address}' is no SCSI address: a target and a unit, such as 0:2");
        }

        modules.Require("virtio_scsi");
        modules.Require("sd_mod");
        var scanned = new HashSet<string>(StringComparer.Ordinal);
        return WaitAsync(() => LocateScsi(target, unit, scanned), $"a disk at SCSI address {address}", cancellation);

        static bool TryNumber(string text, out uint number) => uint.TryParse(
            text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private BlockNode? LocateScsi(uint target, uint unit, HashSet<string> scanned)
    {
        BlockNode? found = null;
        foreach (var host in Entries(Path.Combine(sys, "class/scsi_host"), "host*"))
        {
            var number = Path.GetFileName(host)["host".Length..];
            var driver = Path.Combine(host, "proc_name");
            if (!File.Exists(driver) || File.ReadAllText(driver).Trim() != "virtio_scsi")
            {
                continue;
            }

            if (scanned.Add(number))
            {
                File.WriteAllText(Path.Combine(host, "scan"), $"0 {target} {unit}");
            }

            if (Entries(Path.Combine(sys, $"bus/scsi/devices/{number}:0:{target}:{unit}/block"), "*") is [var entry]
                && BlockNode.OfEntry(entry, dev) is { } node)
            {
                // Two controllers may each have such an address, and nothing says which one is meant.
                found = found is null
                    ? node
                    : throw AgentRefusals.Internal(
                        $"SCSI address {target}:{unit} names both {found.Path} and {node.Path}");
            }
        }

        return found;
    }

    private static string NodeName(string path)
    {
        var name = path.StartsWith("/dev/", StringComparison.Ordinal) ? path["/dev/".Length..] : "";
        return name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            && name[0] != '.'
            ? name
            : throw AgentRefusals.Invalid($"'{path}' is no device node of the guest");
    }

    private static string[] Entries(string directory, string pattern)
    {
        try
        {
            return Directory.GetDirectories(directory, pattern);
        }
        catch (IOException)
        {
            return [];
        }
    }

    private async Task<T> WaitAsync<T>(Func<T?> look, string what, CancellationToken cancellation)
        where T : class
    {
        if (look() is { } there)
        {
            return there;
        }

        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limited.CancelAfter(limit);
        using var events = KernelEvents.Open();
        try
        {
            // Once more, for what came before the first event could be heard.
            if (look() is { } early)
            {
                return early;
            }

            await foreach (var unused in events.ReadAllAsync(limited.Token))
            {
                if (look() is { } found)
                {
                    return found;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
        }

        return look()
            ?? throw AgentRefusals.Internal($"Timeout after {limit.TotalSeconds} s: the guest has not found {what}");
    }
}
