using FluentAssertions;
using Kata.Tests.EndToEnd.Pods;
using Xunit;

namespace Kata.Tests.EndToEnd.Files;

/// <summary>
/// The same programs in the same places with runc and with ours. What differs is in the table of <c>docs/FILES.md</c>
/// with its reason; a difference that is not, and a row that nothing shows any more, fail.
/// </summary>
[Collection(PodTests.Name)]
[Trait("category", "matrix")]
[Trait("area", "files")]
[Trait("peers", "no")]
public sealed class FileTests(PodHost host, FilePods pods) : IClassFixture<FilePods>
{
    public static TheoryData<string, string> Runs()
    {
        var runs = new TheoryData<string, string>();
        foreach (var program in FileProgram.All)
        {
            foreach (var place in FilePods.IsWhole ? program.Places : program.Soon)
                runs.Add(program.Name, place);
        }

        return runs;
    }

    [MachineTheory]
    [MemberData(nameof(Runs))]
    public async Task Program_in_a_place_when_run_with_ours_sees_what_it_sees_with_runc(string name, string place)
    {
        var program = FileProgram.All.Single(p => p.Name == name);

        var (runc, ours) = await pods.RunAsync(host, program, place);

        runc.Outcomes.Should().NotBeEmpty();
        var seen = FileDifference.Between(name, place, runc, ours).ToList();
        var known = FileDifferences.Known(name, place);
        Rows(seen.Except(known)).Should().Be("", "what differs is in docs/FILES.md with its reason");
        Rows(known.Except(seen)).Should().Be("", "each row of docs/FILES.md is still seen");
    }

    private static string Rows(IEnumerable<FileDifference> differences) =>
        string.Join('\n', differences.Select(d => d.Row));

    [Fact]
    public void Table_of_differences_names_what_there_is_and_a_reason_for_each()
    {
        foreach (var row in FileDifferences.Rows())
        {
            row.Should().HaveCount(6).And.NotContain("");
            var program = FileProgram.All.SingleOrDefault(p => p.Name == row[1]);
            program.Should().NotBeNull(row[1]);
            if (row[0] != FileDifferences.EveryPlace)
                row[0].Split(", ").Should().BeSubsetOf(program!.Places);
        }
    }
}
