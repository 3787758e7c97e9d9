using System.Net.Sockets;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;

namespace Kata.Adapters.Vsock.Dialing;

/// <summary>
/// VSOCK by the host's kernel. While the guest has no driver yet, each try ends by the kernel's own timeout or sooner.
/// </summary>
internal sealed class VsockDialer(VsockEndpoint endpoint) : IGuestDialer
{
    // The kernel's own limit for a peer that does not answer; longer would only delay the next try.
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(2);

    public async Task<Socket> DialOnceAsync(CancellationToken ct)
    {
        try
        {
            return await VsockSocket.ConnectAsync(endpoint.Cid, endpoint.Port, ConnectLimit, ct);
        }
        catch (LinuxException e)
        {
            throw e switch
            {
                { Errno: Errno.EAFNOSUPPORT } =>
                    new KataException(
                        ErrorKind.Unavailable, $"{endpoint} cannot be dialled: this host's kernel has no AF_VSOCK", e),
                { IsRefusal: true } =>
                    new KataException(
                        ErrorKind.PermissionDenied, $"the host refused to dial {endpoint}: {e.Message}", e),
                { IsExhaustion: true } =>
                    new KataException(ErrorKind.ResourceExhausted, $"{endpoint} cannot be dialled: {e.Message}", e),
                _ => new NotListeningException(e.Message, e),
            };
        }
    }
}
