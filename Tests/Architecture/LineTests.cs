using FluentAssertions;
using Xunit;

namespace Kata.Tests.Architecture;

/// <summary>Lines keep to 120 columns, but for those that are data.</summary>
public sealed class LineTests
{
    private const int Columns = 120;

    // Documents in JSON that are printed as they stand.
    private static readonly string[] Data =
        ["Adapters.Shimv2/Bootstrap/FeaturesCommand.cs", "Adapters.Shimv2/Management/ManagementSocket.cs"];

    [Fact]
    public void Lines_of_what_is_shipped_keep_to_the_width() =>
        Repository.Files("", ".cs")
            .Where(path => !path.StartsWith("Tests/", StringComparison.Ordinal) && !Data.Contains(path))
            .SelectMany(path => Repository.Read(path).Split('\n').Index()
                .Where(line => line.Item.Length > Columns)
                .Select(line => $"{path}:{line.Index + 1}"))
            .Should().BeEmpty();
}
