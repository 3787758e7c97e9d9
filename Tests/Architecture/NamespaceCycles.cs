using System.Text.RegularExpressions;

namespace Kata.Tests.Architecture;

/// <summary>The namespaces of one project that use each other.</summary>
internal static class NamespaceCycles
{
    /// <summary>
    /// The folders of a project that are part of a cycle, each with those of them that it uses; empty if there is none.
    /// </summary>
    public static IReadOnlyList<string> Of(string project) =>
        Of([.. Repository.Files(project, ".cs")
            .Select(path => (Path.GetDirectoryName(Path.GetRelativePath(project, path))!, Repository.Read(path)))],
            $"Kata.{project}");

    /// <summary>The same of given folders and texts.</summary>
    public static IReadOnlyList<string> Of(IReadOnlyCollection<(string Folder, string Text)> sources, string root)
    {
        var folders = sources.Select(source => source.Folder).Where(folder => folder.Length > 0).Distinct().ToList();
        var uses = folders.ToDictionary(
            folder => folder,
            folder => folders.Where(other => other != folder
                && sources.Any(source => source.Folder == folder && Names(source.Text, other, root))).ToHashSet());
        // What uses nothing, or is used by nothing, is in no cycle.
        while (uses.Keys.FirstOrDefault(folder => uses[folder].Count == 0
            || !uses.Values.Any(others => others.Contains(folder))) is { } free)
        {
            uses.Remove(free);
            foreach (var others in uses.Values)
                others.Remove(free);
        }

        return [.. uses.OrderBy(use => use.Key,
            StringComparer.Ordinal).Select(use => $"{use.Key} uses {string.Join(", ", use.Value.Order(StringComparer.Ordinal))}")];
    }

    /// <summary>By a using, or by a name of which the first words are left out.</summary>
    private static bool Names(string text, string folder, string root)
    {
        var name = Regex.Escape(folder.Replace('/', '.'));
        return Regex.IsMatch(text, $@"^using (static )?{Regex.Escape(root)}\.{name}\b(?!\.)", RegexOptions.Multiline)
            || Regex.IsMatch(text, $@"(?<![\w.]){name}\.[A-Z]");
    }
}
