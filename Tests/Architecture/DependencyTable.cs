using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Kata.Tests.Architecture;

/// <summary>What a project may use.</summary>
/// <param name="Project">Its folder.</param>
/// <param name="References">Projects, by folder; a star stands for all that begin so.</param>
/// <param name="Packages">Packages.</param>
internal sealed record Allowed(string Project, string[] References, string[] Packages)
{
    public bool Equals(Allowed? other) =>
        other is not null && Project == other.Project && References.SequenceEqual(other.References)
            && Packages.SequenceEqual(other.Packages);

    public override int GetHashCode() => Project.GetHashCode(StringComparison.Ordinal);
}

/// <summary>Who may depend on whom; the text of docs/ARCHITECTURE.md says the same.</summary>
internal static partial class DependencyTable
{
    private const string Di = "Microsoft.Extensions.DependencyInjection";
    private const string Logging = "Microsoft.Extensions.Logging";

    /// <summary>The table.</summary>
    public static readonly Allowed[] Rows =
    [
        new("Core.Domain", [], ["MediatR"]),
        new(
            "Core.Application", ["Core.Domain"],
            ["MediatR", "FluentValidation", $"{Di}.Abstractions", $"{Logging}.Abstractions"]),
        new("Platform/Linux", [], []),
        new("Platform/Ttrpc", [], ["Grpc.Core.Api"]),
        new("Platform/Protos", [], ["Google.Protobuf", "Grpc.Core.Api", "Grpc.Tools"]),
        new("Adapters.Shimv2", ["Core.*", "Platform/*"], ["Google.Protobuf", "Grpc.Core.Api", "Polly.Core", "Tomlyn", Di]),
        new("Adapters.Qemu", ["Core.*", "Platform/Linux"], []),
        new("Adapters.CloudHypervisor", ["Core.*", "Platform/Linux"], []),
        new("Adapters.Vsock", ["Core.*", "Platform/*"], ["Google.Protobuf", "Grpc.Core.Api", "Polly.Core"]),
        new("Adapters.Guest", ["Core.*", "Platform/Linux"], ["Polly.Core"]),
        new("Apps/Shim", ["Core.*", "Adapters.*"], [Di, Logging]),
        new("Apps/Admin", ["Core.*", "Adapters.*"], ["System.CommandLine", Di, Logging]),
        new("Apps/Agent", ["Platform/*"], ["Google.Protobuf", "Grpc.Core.Api"]),
    ];

    /// <summary>What the project files use that a table does not allow, and projects that it does not know.</summary>
    public static IEnumerable<string> Complaints(IReadOnlyCollection<Allowed> table)
    {
        foreach (var project in Projects())
        {
            var folder = Path.GetDirectoryName(project)!.Replace('\\', '/');
            var uses = Uses(project);
            foreach (var reference in uses.References.Where(reference => reference.StartsWith("Tests/",
                StringComparison.Ordinal)))
                yield return $"{folder} references {reference}: nothing references Tests";
            if (table.FirstOrDefault(row => row.Project == folder) is not { } allowed)
            {
                yield return $"{folder} is not in the table";
                continue;
            }

            foreach (var reference in uses.References.Where(reference => !allowed.References.Any(pattern => Matches(pattern, reference))))
                yield return $"{folder} must not reference {reference}";
            foreach (var package in uses.Packages.Except(allowed.Packages))
                yield return $"{folder} must not use the package {package}";
        }

        foreach (var row in table.Where(row => !Projects().Any(project => Path.GetDirectoryName(project)!.Replace('\\', '/') == row.Project)))
            yield return $"{row.Project} is in the table but not in the repository";
    }

    /// <summary>What a project file references.</summary>
    public static (string[] References, string[] Packages) Uses(string project)
    {
        var xml = XDocument.Parse(Repository.Read(project));
        var folder = Path.GetDirectoryName(project)!;
        return (
            [.. xml.Descendants("ProjectReference").Select(r => Folder(folder, r.Attribute("Include")!.Value))],
            [.. xml.Descendants("PackageReference").Select(r => r.Attribute("Include")!.Value)]);
    }

    /// <summary>Every project that is not a test.</summary>
    public static IEnumerable<string> Projects() =>
        Repository.Files("", ".csproj").Where(path => !path.StartsWith("Tests", StringComparison.Ordinal));

    /// <summary>The table as a page of the documentation has it.</summary>
    public static IEnumerable<Allowed> Parse(string page)
    {
        var section = page[page.IndexOf("## Who may depend on whom", StringComparison.Ordinal)..];
        var end = section.IndexOf("\n## ", 3, StringComparison.Ordinal);
        foreach (var line in (end < 0 ? section : section[..end]).Split('\n').Where(line => line.StartsWith("| `",
            StringComparison.Ordinal)))
        {
            var cells = line.Split('|').Select(cell => cell.Trim()).ToArray();
            yield return new Allowed(
                cells[1].Trim('`'), Words(cells[2]),
                [.. Words(cells[3]).Select(word => word.Replace("M.E.", "Microsoft.Extensions."))]);
        }
    }

    private static string[] Words(string cell) =>
        cell is "—" or "" ? [] : [.. CommaOrBlank().Split(cell).Where(word => word.Length > 0)];

    /// <summary>True if a pattern of the table stands for a project.</summary>
    public static bool Matches(string pattern, string reference) =>
        pattern == reference
            || (pattern.EndsWith('*') && reference.StartsWith(pattern[..^1], StringComparison.Ordinal));

    private static string Folder(string from, string include) =>
        Path.GetRelativePath(
            Repository.Root,
            Path.GetDirectoryName(Path.GetFullPath(Path.Combine(Repository.Root, from, include)))!).Replace('\\', '/');

    [GeneratedRegex(",\\s*")]
    private static partial Regex CommaOrBlank();
}
