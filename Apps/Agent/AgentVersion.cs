namespace Kata.Apps.Agent;

/// <summary>What we say about ourselves.</summary>
internal static class AgentVersion
{
    /// <summary>Version of the interface, as upstream's agents give it.</summary>
    public const string Api = "0.0.1";

    /// <summary>
    /// The interface's release with our mark. Hosts that know the mark need not delay WaitProcess until all output is
    /// read: this agent keeps unread output.
    /// </summary>
    public const string Text = "4.1.0+hex.0.1.0";
}
