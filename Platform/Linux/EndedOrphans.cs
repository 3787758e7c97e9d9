namespace Kata.Platform.Linux;

/// <summary>
/// Ends of orphans that nobody has asked for yet; the oldest are forgotten. Not for several threads at once.
/// </summary>
internal sealed class EndedOrphans(int most)
{
    // In the order in which they came. A pid that comes again, or was asked for, leaves nothing of its former place.
    private readonly OrderedDictionary<int, ProcessExit> _ended = [];

    public void Add(int processId, ProcessExit exit)
    {
        _ended.Remove(processId);
        _ended.Add(processId, exit);
        if (_ended.Count > most)
            _ended.RemoveAt(0);
    }

    /// <summary>The end, which is forgotten then; null for one that is not known.</summary>
    public ProcessExit? Take(int processId) => _ended.Remove(processId, out var exit) ? exit : null;
}
