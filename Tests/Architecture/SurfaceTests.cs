using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using FluentAssertions;
using Xunit;

namespace Kata.Tests.Architecture;

/// <summary>An adapter shows the world one type; names say what a thing is.</summary>
public sealed partial class SurfaceTests
{
    private const int MaxParameters = 8;

    public static TheoryData<string> Adapters => [.. Assemblies.Adapters.Select(assembly => assembly.GetName().Name!)];

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Adapter_exports_its_services_class_and_nothing_else(string name) =>
        Assembly.Load(name).GetExportedTypes().Select(type => type.Name).Should().ContainSingle()
            .Which.Should().EndWith("Services");

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Adapter_seals_what_it_does_not_export(string name) =>
        Assembly.Load(name).GetTypes()
            .Where(type => type is { IsClass: true, IsSealed: false, IsAbstract: false, IsNested: false }
                && type.GetCustomAttribute<CompilerGeneratedAttribute>() is null
                && type.Namespace?.StartsWith("Kata.", StringComparison.Ordinal) == true)
            .Where(type => !type.Assembly.GetTypes().Any(other => other.BaseType == type))
            .Select(type => type.FullName)
            .Should().BeEmpty();

    [Fact]
    public void Constructors_of_the_core_take_eight_parameters_at_most() =>
        new[] { Assemblies.Domain, Assemblies.Application }
            .SelectMany(assembly => assembly.GetTypes())
            .SelectMany(type => type.GetConstructors(
                BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(constructor => constructor.GetParameters().Length > MaxParameters)
            .Select(constructor => $"{constructor.DeclaringType}: {constructor.GetParameters().Length}")
            .Should().BeEmpty();

    [Fact]
    public void Type_names_are_no_names_not_found_yet()
    {
        foreach (var path in Repository.Files("", ".cs"))
            NotFoundYet().Match(Repository.Read(path)).Value.Should().BeEmpty($"of {path}");
    }

    [Fact]
    public void Namespaces_follow_folders()
    {
        foreach (var path in Repository.Files("",
            ".cs").Where(path => !path.EndsWith("Program.cs", StringComparison.Ordinal)))
        {
            var declared = Namespace().Match(Repository.Read(path)).Groups[1].Value;
            if (declared.Length == 0)
                continue;
            declared.Should().Be($"Kata.{Path.GetDirectoryName(path)!.Replace('/', '.')}", $"of {path}");
        }
    }

    [GeneratedRegex(@"\b(class|record|struct|interface|enum)\s+\w*(Manager|Helper|Utils?)\b")]
    private static partial Regex NotFoundYet();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();
}
