using System.Text.RegularExpressions;
using FluentAssertions;
using Xunit;

namespace Kata.Tests.Architecture;

/// <summary>A name means one thing, on whichever side of the VM's wall.</summary>
public sealed partial class NameTests
{
    // Programs have one each.
    private static readonly string[] OfEveryProgram = ["Program"];

    [Fact]
    public void Types_of_the_agent_have_names_that_no_type_of_the_host_has()
    {
        var host = Assemblies.Adapters.Append(Assemblies.Domain).Append(Assemblies.Application)
            .SelectMany(assembly => assembly.GetTypes()).Where(IsOurs).Select(type => type.Name).ToHashSet();
        var agent = Repository.Files("Apps/Agent", ".cs").Select(Repository.Read)
            .SelectMany(text => Declared().Matches(text)).Select(match => match.Groups[1].Value);

        agent.Where(host.Contains).Except(OfEveryProgram).Should().BeEmpty();
    }

    private static bool IsOurs(Type type) =>
        !type.IsNested && type.Namespace?.StartsWith("Kata.", StringComparison.Ordinal) == true;

    [GeneratedRegex(
        @"^(?:public|internal) (?:\w+ )*(?:class|record|struct|interface|enum) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Declared();
}
