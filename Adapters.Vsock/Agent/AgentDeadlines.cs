namespace Kata.Adapters.Vsock.Agent;

/// <summary>
/// How long a call may take; sent with it, so that the agent gives up too. Reads, writes of input, waits and the
/// watch for memory kills have none: they answer when something happens.
/// </summary>
internal static class AgentDeadlines
{
    /// <summary>A health check: the agent answers it from memory, so this is a hung guest.</summary>
    public static readonly TimeSpan Check = TimeSpan.FromSeconds(30);

    /// <summary>Everything else, as upstream's runtime has it.</summary>
    public static readonly TimeSpan Call = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Between two questions after memory kills: an agent that answers or refuses at once must not set the pace of the
    /// host.
    /// </summary>
    public static readonly TimeSpan WatchPause = TimeSpan.FromSeconds(1);
}
