namespace Kata.Tests.Parity;

/// <summary>
/// A command line of QEMU as a set of facts in which order and the names of objects do not count:
/// <c>device virtio-rng-pci</c>, <c>machine accel=kvm</c>, <c>append quiet</c>.
/// </summary>
internal static class OptionFacts
{
    /// <summary>Options whose first word says what is made: their other words belong to that.</summary>
    private static readonly string[] Typed = ["device", "object", "chardev", "netdev", "numa"];

    /// <summary>How the parts of a command line refer to each other, which each writer does by its own names.</summary>
    private static readonly string[] References = ["id", "chardev", "memdev", "drive", "netdev", "rng", "serial",
        "node-name"];

    public static IReadOnlySet<string> Of(IReadOnlyList<string> arguments)
    {
        var facts = new SortedSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < arguments.Count; i++)
        {
            var name = arguments[i].TrimStart('-');
            var value = i + 1 < arguments.Count && !arguments[i + 1].StartsWith('-') ? arguments[++i] : null;
            if (value is null)
                facts.Add(name);
            else if (name == "append")
                facts.UnionWith(value.Split(' ').Select(word => $"append {word}"));
            else
                facts.UnionWith(Split(name, value));
        }
        return facts;
    }

    private static IEnumerable<string> Split(string name, string value)
    {
        var words = value.Split(',').Select(
            word =>
                word.StartsWith("driver=", StringComparison.Ordinal) && name == "device" ? word[7..] : word).ToList();
        var subject = name;
        if (Typed.Contains(name))
        {
            subject = $"{name} {words[0]}";
            words.RemoveAt(0);
            yield return subject;
        }
        foreach (var word in words)
        {
            if (!References.Contains(word.Split('=')[0]))
                yield return $"{subject} {word}";
        }
    }
}
