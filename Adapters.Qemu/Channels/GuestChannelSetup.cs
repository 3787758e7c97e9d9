using Kata.Adapters.Qemu.CommandLine;
using Kata.Core.Domain.Machines;

namespace Kata.Adapters.Qemu.Channels;

/// <summary>
/// The channel of one machine to its agent: options for QEMU, and what has to be given back at the end.
/// </summary>
internal sealed record GuestChannelSetup
{
    /// <summary>The port that agents listen on.</summary>
    public const uint AgentPort = 1024;

    /// <summary>How the agent is reached.</summary>
    public required GuestEndpoint Endpoint { get; init; }

    /// <summary>The devices.</summary>
    public required IReadOnlyList<QemuOption> Options { get; init; }

    /// <summary>Which and why, for the log and the state directory.</summary>
    public required string Reason { get; init; }

    /// <summary>Gives back sockets and daemons; does not fail.</summary>
    public Func<Task> ReleaseAsync { get; init; } = () => Task.CompletedTask;
}
