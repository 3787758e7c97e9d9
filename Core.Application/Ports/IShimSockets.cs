using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.Ports;

/// <summary>The sockets at which shims are called.</summary>
public interface IShimSockets
{
    /// <summary>
    /// Removes the socket file of a sandbox's shim if nothing listens there. Already gone is success.
    /// </summary>
    void RemoveDead(SandboxId sandbox, SandboxOwner owner);
}
