using System.Text.RegularExpressions;

namespace Kata.Tests.Architecture;

/// <summary>What project files reference without any use in the project's sources.</summary>
internal static class UnusedReferences
{
    /// <summary>Packages that bring a tool, not names for sources.</summary>
    private static readonly string[] Tools =
        ["Grpc.Tools", "Microsoft.CodeAnalysis.BannedApiAnalyzers", "Microsoft.NET.Test.Sdk",
            "xunit.runner.visualstudio"];

    /// <summary>What generated code needs.</summary>
    private static readonly string[] OfGeneratedCode = ["Google.Protobuf", "Grpc.Core.Api"];

    /// <summary>Packages whose namespace is not their name.</summary>
    private static readonly Dictionary<string, string> Namespaces = new()
    {
        ["Grpc.Core.Api"] = "Grpc.Core",
        ["Polly.Core"] = "Polly",
        ["xunit"] = "Xunit",
    };

    /// <summary>The complaints about the project files of the repository.</summary>
    public static IEnumerable<string> Complaints()
    {
        var projects = Repository.Files("", ".csproj").ToDictionary(Folder, path => path);
        var sources = projects.Keys.ToDictionary(
            folder => folder, folder => Repository.Files(folder, ".cs").Select(Repository.Read).ToArray());
        return projects.SelectMany(project =>
        {
            var (references, packages) = DependencyTable.Uses(project.Value);
            // A project that is still empty neither uses anything nor can be used.
            if (sources[project.Key].Length == 0 && !HasProtos(project.Key))
                return [];
            return Of(
                project.Key,
                [.. references.Where(reference => sources[reference].Length > 0 || HasProtos(reference))],
                [.. packages.Where(package => !(HasProtos(project.Key) && OfGeneratedCode.Contains(package)))],
                sources[project.Key]);
        });
    }

    /// <summary>The complaints about one project.</summary>
    /// <param name="project">Its folder.</param>
    /// <param name="references">The folders of projects that it references.</param>
    /// <param name="packages">The packages.</param>
    /// <param name="sources">The texts of its sources.</param>
    public static IEnumerable<string> Of(string project, string[] references, string[] packages, string[] sources)
    {
        foreach (var reference in references.Where(reference => !IsNamed(reference.Replace('/', '.'), sources)))
            yield return $"{project} references {reference} without a use";
        foreach (var package in packages.Except(Tools))
        {
            var name = Namespaces.GetValueOrDefault(package, package.Replace(".Abstractions", ""));
            if (!IsNamed(name, sources))
                yield return $"{project} has the package {package} without a use";
        }
    }

    private static bool IsNamed(string name, string[] sources)
    {
        // Within our own namespaces the first word may be left out: Kata.Platform.Linux is Platform.Linux.
        var pattern = new Regex($@"(?<!\w){Regex.Escape(name)}\b");
        return sources.Any(pattern.IsMatch);
    }

    private static bool HasProtos(string folder) => Repository.Files(folder, ".proto").Any();

    private static string Folder(string project) => Path.GetDirectoryName(project)!.Replace('\\', '/');
}
