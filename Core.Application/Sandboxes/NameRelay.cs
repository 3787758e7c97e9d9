using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Has the guest's questions about names answered by Docker's name server, once a container's resolv.conf names that.
/// Ends with the connection to the guest.
/// </summary>
internal sealed class NameRelay(
    LiveSandbox sandbox, ContainerRegistry containers, INameServer server, ILogger<NameRelay> log) : IDisposable
{
    private const string ResolvConf = "/etc/resolv.conf";

    private readonly SemaphoreSlim _turn = new(1, 1);
    private Task? _serving;
    private bool _isUnknown;

    /// <summary>
    /// Begins if it is needed and has not begun. Docker rewrites the file when it sets a network up, between Create and
    /// Start or later. A guest that cannot is told of once, and its containers do without names; one that fails is
    /// asked anew when there is cause again.
    /// </summary>
    public async Task EnsureAsync(CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            if (_isUnknown || _serving is { IsCompleted: false })
                return;
            if (sandbox.Handles is not SandboxHandles.Ready { Links.Namespace: var place } || !await IsNamedAsync(ct))
                return;
            _serving = await sandbox.RequireReady().Agent.ServeNamesAsync(
                (question, limit) => server.AskAsync(place, question, limit), ct);
        }
        catch (KataException e)
        {
            // An agent that lacks the call lacks it next time; any other trouble may pass.
            _isUnknown = e.Kind == ErrorKind.Unimplemented;
            NameLog.Unavailable(log, e.Message);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task<bool> IsNamedAsync(CancellationToken ct)
    {
        var specs = containers.Living.Select(c => c.Spec).OfType<OciSpec>();
        foreach (var path in specs.Select(PathOf).OfType<HostPath>().Distinct())
        {
            if (await server.IsNamedByAsync(path, ct))
                return true;
        }

        return false;
    }

    private static HostPath? PathOf(OciSpec spec) =>
        spec.Mounts.LastOrDefault(mount => mount.Destination == ResolvConf)?.Source is { } source
            ? HostPath.TryParse(source)
            : null;
}

/// <summary>Event ids 1186 to 1189.</summary>
internal static partial class NameLog
{
    [LoggerMessage(1186, LogLevel.Warning,
        "no DNS relay for Docker's networks (nameserver 127.0.0.11) in the guest: {Reason}")]
    public static partial void Unavailable(ILogger log, string reason);
}
