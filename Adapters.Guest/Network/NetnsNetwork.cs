using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Network;

/// <summary>Network namespaces of the host, whether a container manager or this runtime has made them.</summary>
internal sealed class NetnsNetwork(TimeProvider time) : ISandboxNetwork
{
    private const string Folder = "/run/netns";

    public async Task<ISandboxLinks> OpenAsync(
        NetworkNamespacePath? path, NetworkOptions options, IResourceLedger ledger, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (path is not null)
            return await OpenAsync(path, options, ledger);

        path = new NetworkNamespacePath(HostPath.Parse($"{Folder}/kata-{options.Sandbox}", "network namespace"));
        var made = new AcquiredResource(ResourceKind.NetworkNamespace, path.Path.Value);
        ledger.Record(made);
        try
        {
            Directory.CreateDirectory(Folder);
            // One that a lost sandbox of this name has left would lie hidden below ours.
            Namespaces.Remove(path.Path.Value);
            await Namespaces.CreateNetworkNamespaceAsync(path.Path.Value);
            return await OpenAsync(path, options, ledger);
        }
        catch (Exception e)
        {
            Namespaces.Remove(path.Path.Value);
            ledger.Forget(made);
            throw e is IOException refusal
                ? GuestErrors.Translate(refusal, $"making the network namespace {path.Path}")
                : e;
        }
    }

    private async Task<ISandboxLinks> OpenAsync(
        NetworkNamespacePath path, NetworkOptions options, IResourceLedger ledger)
    {
        var file = NetworkNamespaceFile.Open(path);
        try
        {
            return await NetnsLinks.OpenAsync(file, options, ledger, time);
        }
        catch (Exception e)
        {
            file.Dispose();
            throw e is IOException refusal
                ? GuestErrors.Translate(refusal, $"entering the network namespace {path.Path}")
                : e;
        }
    }
}
