using System.Text.RegularExpressions;
using FluentAssertions;
using Xunit;

namespace Kata.Tests.Architecture;

/// <summary>Arrows point inward; the table is the whole truth.</summary>
public sealed class DependencyTests
{
    [Fact]
    public void Projects_when_compared_with_the_table_use_only_what_it_allows() =>
        DependencyTable.Complaints(DependencyTable.Rows).Should().BeEmpty();

    [Fact]
    public void Checker_when_the_table_is_wrong_complains()
    {
        var noMediator = DependencyTable.Rows.Select(
            row => row.Project == "Core.Domain" ? row with { Packages = [] } : row).ToList();
        var noDomain = DependencyTable.Rows.Select(
            row => row.Project == "Core.Application" ? row with { References = [] } : row).ToList();

        DependencyTable.Complaints(noMediator).Should().Equal("Core.Domain must not use the package MediatR");
        DependencyTable.Complaints(noDomain).Should().Equal("Core.Application must not reference Core.Domain");
        DependencyTable.Complaints([.. DependencyTable.Rows, new Allowed("Core.Nowhere", [], [])])
            .Should().ContainSingle();
        DependencyTable.Complaints([.. DependencyTable.Rows.Skip(1)]).Should().Equal("Core.Domain is not in the table");
    }

    [Fact]
    public void Table_in_the_documentation_when_compared_with_the_data_says_the_same() =>
        DependencyTable.Parse(Repository.Read("docs/ARCHITECTURE.md")).Should().Equal(DependencyTable.Rows);

    [Fact]
    public void Assemblies_when_built_reference_no_more_of_us_than_the_table_allows()
    {
        foreach (var assembly in Assemblies.All)
        {
            var project = Assemblies.ProjectOf(assembly);
            var row = DependencyTable.Rows.Single(row => row.Project == project);
            var ours = assembly.GetReferencedAssemblies().Select(name => name.Name!)
                .Where(name => name.StartsWith("Kata.", StringComparison.Ordinal));

            ours.Select(Assemblies.ProjectOf)
                .Where(reference => !row.References.Any(pattern => DependencyTable.Matches(pattern, reference)))
                .Should().BeEmpty($"of {project}");
        }
    }

    [Fact]
    public void Core_when_read_opens_no_files_sockets_or_processes_and_asks_no_clock()
    {
        var forbidden = new Regex(
            @"\bSystem\.(IO\b|Net\.)|\bDns\.|(?<![.>])\b(File|Directory)\.[A-Z]|\bSocket\(|\bProcess\.(Start|GetProcess)|\bDateTime(Offset)?\.(Utc)?Now|\bStopwatch\b|\bThread\.Sleep");

        foreach (var path in Repository.Files("Core.Domain", ".cs").Concat(Repository.Files("Core.Application", ".cs")))
            forbidden.Match(Repository.Read(path)).Value.Should().BeEmpty($"of {path}");
    }

    [Fact]
    public void Unsafe_code_and_system_calls_are_in_one_project()
    {
        Repository.Files("", ".csproj")
            .Where(path => Repository.Read(path).Contains("AllowUnsafeBlocks", StringComparison.Ordinal))
            .Should().Equal("Platform/Linux/Linux.csproj");
        Repository.Files("", ".cs")
            .Where(path => Repository.Read(path).Contains("[Library" + "Import(", StringComparison.Ordinal))
            .Should().OnlyContain(path => path.StartsWith("Platform/Linux/"));
    }

    [Theory]
    [InlineData("Core.Domain")]
    [InlineData("Core.Application")]
    public void Namespaces_of_the_core_use_each_other_in_one_direction(string project) =>
        NamespaceCycles.Of(project).Should().BeEmpty();

    [Fact]
    public void Checker_when_namespaces_use_each_other_in_a_ring_names_those_of_the_ring() =>
        NamespaceCycles.Of(
        [
            ("One", "using Kata.Core.Domain.Two;"), ("Two", "using Kata.Core.Domain.Three;"),
            ("Three", "One.Thing thing;"),
            ("Before", "using Kata.Core.Domain.One;"), ("Three", "using Kata.Core.Domain.After;"),
            ("After", "namespace Kata.Core.Domain.After;"),
            ("Two", "using Kata.Core.Other.One;"),
        ], "Kata.Core.Domain").Should().Equal("One uses Two", "Three uses One", "Two uses Three");

    [Fact]
    public void Project_files_reference_nothing_without_a_use() => UnusedReferences.Complaints().Should().BeEmpty();

    [Fact]
    public void Checker_when_a_reference_or_a_package_has_no_use_complains() =>
        UnusedReferences.Of(
            "Core.Somewhere",
            ["Core.Domain", "Platform/Linux"],
            ["MediatR", "Polly.Core", "Grpc.Tools"],
            ["using Kata.Core.Domain.Oci;", "Platform.LinuxLike x; using Polly;"])
            .Should().Equal(
                "Core.Somewhere references Platform/Linux without a use",
                "Core.Somewhere has the package MediatR without a use");

    [Fact]
    public void System_calls_that_are_declared_are_made()
    {
        var sources = Repository.Files("Platform/Linux", ".cs").Select(Repository.Read).ToList();
        var declared = Regex.Matches(Repository.Read("Platform/Linux/Libc.cs"), @"static partial \w+\*? (\w+)\(")
            .Select(match => match.Groups[1].Value).Distinct().ToList();

        declared.Should().HaveCountGreaterThan(50);
        declared.Where(call => !sources.Any(source => Regex.IsMatch(source, $@"\bLibc\.{call}\b"))).Should().BeEmpty();
    }

    [Fact]
    public void Composition_of_the_shim_is_short() =>
        Repository.Files("Apps/Shim", ".cs").Sum(path => Repository.Read(path).Split('\n').Length)
            .Should().BeLessThan(150);
}
