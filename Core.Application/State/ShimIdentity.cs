using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.State;

/// <summary>Who this shim process is; known from its command line before anything is served.</summary>
/// <param name="Sandbox">The one sandbox it runs.</param>
/// <param name="Owner">Namespace and daemon that started it.</param>
public sealed record ShimIdentity(SandboxId Sandbox, SandboxOwner Owner);
