namespace Kata.Adapters.Shimv2.Tasks;

/// <summary>
/// Lines of memory.stat by name. The guest's mode may differ from the host's: the first name that is there counts, else
/// 0.
/// </summary>
internal readonly struct MemoryDetails(IReadOnlyDictionary<string, ulong> lines)
{
    public ulong this[params ReadOnlySpan<string> names]
    {
        get
        {
            foreach (var name in names)
            {
                if (lines.TryGetValue(name, out var value))
                    return value;
            }

            return 0;
        }
    }
}
