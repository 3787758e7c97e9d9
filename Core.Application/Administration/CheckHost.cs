using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Administration;

/// <summary>Whether a sandbox could start on this host with the configuration that is there.</summary>
public sealed record CheckHost : IQuery<CheckHostReply>;

/// <summary>What was found, in the order in which a start needs it.</summary>
public sealed record CheckHostReply(IReadOnlyList<HostFinding> Findings)
{
    /// <summary>Nothing is missing.</summary>
    public bool CanRun => Findings.All(finding => finding.Weight != FindingWeight.Missing);
}

/// <summary>One thing that a sandbox needs or would like.</summary>
/// <param name="Weight">How much it matters.</param>
/// <param name="Text">What it is, for people.</param>
public sealed record HostFinding(FindingWeight Weight, string Text);

/// <summary>How much a finding matters.</summary>
public enum FindingWeight
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>Sandboxes run, and lack something.</summary>
    Note,

    /// <summary>No sandbox can start.</summary>
    Missing,
}

internal sealed class CheckHostHandler(
    ISettingsSource source, IBootAssets assets, ISharedFilesystem shares, IHostDevices devices)
    : IRequestHandler<CheckHost, CheckHostReply>
{
    public async Task<CheckHostReply> Handle(CheckHost request, CancellationToken ct)
    {
        var findings = new List<HostFinding>();
        RuntimeSettings? settings = null;
        await FindAsync(findings, async () =>
        {
            settings = RuntimeSettingsValidator.Require(
                await source.ReadAsync(null, new Dictionary<string, string>(), ct));
            return $"configuration {settings.Source}";
        });
        if (settings?.Hypervisor is not { } hypervisor)
            return new CheckHostReply(findings);

        await FindAsync(findings, async () =>
        {
            var found = await assets.FindAsync(hypervisor, ct);
            return $"hypervisor {hypervisor.Name}, kernel {found.Kernel}, "
                + (found.Image is null ? $"initrd {found.Initrd}" : $"image {found.Image}");
        });
        if (hypervisor.SharedFs != "none")
        {
            await FindAsync(findings, async () =>
            {
                var daemon = await shares.FindAsync(hypervisor, ct);
                findings.AddRange(daemon.Lacks.Select(lack => new HostFinding(
                    FindingWeight.Note, $"virtio_fs_daemon: with this one {lack}")));
                return $"virtio_fs_daemon {daemon.Name}";
            });
        }

        findings.Add(Look("/dev/kvm", "accelerator", "without it guests run by emulation, slowly"));
        findings.Add(
            Look("/dev/vhost-vsock", "guest channel", "without it vhost-user VSOCK or a serial port is used"));
        return new CheckHostReply(findings);
    }

    /// <summary>Adds what is found, before what was noted meanwhile; or why it is not there.</summary>
    private static async Task FindAsync(List<HostFinding> findings, Func<Task<string>> find)
    {
        var at = findings.Count;
        try
        {
            findings.Insert(at, new HostFinding(FindingWeight.Ok, await find()));
        }
        catch (KataException e)
        {
            findings.Insert(at, new HostFinding(FindingWeight.Missing, e.Message));
        }
    }

    private HostFinding Look(string path, string what, string otherwise) => devices.CanOpen(HostPath.Parse(path, what))
        ? new HostFinding(FindingWeight.Ok, $"{what} {path}")
        : new HostFinding(FindingWeight.Note, $"{what} {path} cannot be opened: {otherwise}");
}
