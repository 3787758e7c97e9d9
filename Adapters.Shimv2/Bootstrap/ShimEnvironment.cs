namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>What the server was told about its surroundings.</summary>
/// <param name="Namespace">The container manager's namespace.</param>
/// <param name="EventsAddress">Where events go: path of the daemon's ttRPC socket; empty under CRI-O, which takes
/// none.</param>
internal sealed record ShimEnvironment(string Namespace, string EventsAddress)
{
    /// <summary>The manager is CRI-O.</summary>
    public bool IsCrio => EventsAddress.Length == 0;
}
