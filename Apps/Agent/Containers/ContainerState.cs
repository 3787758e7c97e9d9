namespace Kata.Apps.Agent.Containers;

internal enum ContainerState
{
    /// <summary>Its init waits for the word to start.</summary>
    Created,
    Running,
    Paused,

    /// <summary>Its init has ended.</summary>
    Stopped,
}

internal enum ContainerTrigger
{
    Start,
    Pause,
    Resume,
    Exit,
}

/// <summary>What may happen to a container, as a table; what it does not hold is refused.</summary>
internal static class ContainerStates
{
    private static readonly Dictionary<(ContainerState, ContainerTrigger), ContainerState> Table = new()
    {
        [(ContainerState.Created, ContainerTrigger.Start)] = ContainerState.Running,
        [(ContainerState.Created, ContainerTrigger.Pause)] = ContainerState.Paused,
        [(ContainerState.Created, ContainerTrigger.Exit)] = ContainerState.Stopped,
        [(ContainerState.Running, ContainerTrigger.Pause)] = ContainerState.Paused,
        [(ContainerState.Running, ContainerTrigger.Exit)] = ContainerState.Stopped,
        [(ContainerState.Paused, ContainerTrigger.Resume)] = ContainerState.Running,
        [(ContainerState.Paused, ContainerTrigger.Exit)] = ContainerState.Stopped,
    };

    public static bool TryNext(ContainerState state, ContainerTrigger trigger, out ContainerState next) =>
        Table.TryGetValue((state, trigger), out next);
}
