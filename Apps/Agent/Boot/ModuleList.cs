namespace Kata.Apps.Agent.Boot;

/// <summary>The files that the image lists for loading: one absolute path a line, in loading order.</summary>
internal static class ModuleList
{
    public const string EarlyFile = "/etc/kata/modules.early";
    public const string LateFile = "/etc/kata/modules.late";
    public const string DemandFile = "/etc/kata/modules.demand";
    public const string SpareFile = "/etc/kata/modules.spare";

    public static IReadOnlyList<string> Parse(string text)
    {
        var paths = new List<string>();
        foreach (var raw in text.Split('\n'))
        {
            var line = raw.Trim();
            if (line.StartsWith('/') && !paths.Contains(line))
            {
                paths.Add(line);
            }
        }

        return paths;
    }

    /// <summary>The kernel's name of a module: its file's name, where a dash counts as an underscore.</summary>
    public static string NameOf(string path)
    {
        var file = path[(path.LastIndexOf('/') + 1)..];
        var dot = file.IndexOf('.', StringComparison.Ordinal);
        return (dot < 0 ? file : file[..dot]).Replace('-', '_');
    }

    /// <summary>The modules that one needs, as its own <c>.modinfo</c> section says.</summary>
    public static IReadOnlyList<string> DependenciesOf(ReadOnlySpan<byte> module)
    {
        var at = module.IndexOf("\0depends="u8);
        if (at < 0)
        {
            return [];
        }

        var value = module[(at + 9)..];
        var end = value.IndexOf((byte)0);
        var text = System.Text.Encoding.ASCII.GetString(end < 0 ? value : value[..end]);
        return [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(name => name.Replace('-', '_'))];
    }
}
