using System.Runtime.CompilerServices;

namespace Kata.Tests.Architecture;

/// <summary>The files of this repository.</summary>
internal static class Repository
{
    private static readonly string[] NotOurs = [".git", "artifacts", "bin", "obj", ".vs", ".idea"];

    /// <summary>Its root.</summary>
    public static string Root { get; } = Find();

    /// <summary>Every file beneath a folder whose name ends so, as a path relative to the root.</summary>
    public static IEnumerable<string> Files(string folder = "", params string[] endings) =>
        Walk(Path.Combine(Root, folder))
            .Where(
                path => endings.Length == 0 || endings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal)))
            .Select(path => Path.GetRelativePath(Root, path))
            .Order(StringComparer.Ordinal);

    /// <summary>The text of a file.</summary>
    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>True if there is such a file or folder.</summary>
    public static bool Has(string path) => Path.Exists(Path.Combine(Root, path));

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder))
            yield return file;
        foreach (var inner in Directory.EnumerateDirectories(folder))
        {
            if (NotOurs.Contains(Path.GetFileName(inner)))
                continue;
            foreach (var file in Walk(inner))
                yield return file;
        }
    }

    private static string Find([CallerFilePath] string here = "")
    {
        foreach (var start in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory, Path.GetDirectoryName(here) })
        {
            for (var folder = start; folder is not null; folder = Path.GetDirectoryName(folder))
            {
                if (File.Exists(Path.Combine(folder, "Kata.Hex.sln")))
                    return folder;
            }
        }

        throw new DirectoryNotFoundException("these tests read the repository and were started outside of it");
    }
}
