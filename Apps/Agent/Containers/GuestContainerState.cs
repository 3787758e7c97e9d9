namespace Kata.Apps.Agent.Containers;

internal enum GuestContainerState
{
    /// <summary>Its init waits for the word to start.</summary>
    Created,
    Running,
    Paused,

    /// <summary>Its init has ended.</summary>
    Stopped,
}

internal enum GuestContainerTrigger
{
    Start,
    Pause,
    Resume,
    Exit,
}

/// <summary>What may happen to a container, as a table; what it does not hold is refused.</summary>
internal static class GuestContainerStates
{
    private static readonly Dictionary<(GuestContainerState, GuestContainerTrigger), GuestContainerState> Table = new()
    {
        [(GuestContainerState.Created, GuestContainerTrigger.Start)] = GuestContainerState.Running,
        [(GuestContainerState.Created, GuestContainerTrigger.Pause)] = GuestContainerState.Paused,
        [(GuestContainerState.Created, GuestContainerTrigger.Exit)] = GuestContainerState.Stopped,
        [(GuestContainerState.Running, GuestContainerTrigger.Pause)] = GuestContainerState.Paused,
        [(GuestContainerState.Running, GuestContainerTrigger.Exit)] = GuestContainerState.Stopped,
        [(GuestContainerState.Paused, GuestContainerTrigger.Resume)] = GuestContainerState.Running,
        [(GuestContainerState.Paused, GuestContainerTrigger.Exit)] = GuestContainerState.Stopped,
    };

    public static bool TryNext(
        GuestContainerState state, GuestContainerTrigger trigger, out GuestContainerState next) =>
        Table.TryGetValue((state, trigger), out next);
}
