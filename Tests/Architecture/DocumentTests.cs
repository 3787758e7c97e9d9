using System.Text.RegularExpressions;
using FluentAssertions;
using Xunit;

namespace Kata.Tests.Architecture;

/// <summary>What the documents say holds.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] Text = [".md", ".cs", ".csproj", ".props", ".sh", ".toml", ".proto", ".yml",
        ".json", "Makefile", ".targets"];

    public static TheoryData<string> Pages => [.. Repository.Files("", ".md")];

    [Fact]
    public void State_machines_page_is_printed_from_the_tables()
    {
        if (Environment.GetEnvironmentVariable("PRINT_DOCS") is { Length: > 0 })
            File.WriteAllText(Path.Combine(Repository.Root, StateMachinePage.Path), StateMachinePage.Print());

        Repository.Read(StateMachinePage.Path)
            .Should().Be(StateMachinePage.Print(), "PRINT_DOCS=1 with this test writes it anew");
    }

    [Fact]
    public void Operating_page_is_printed_from_the_sources()
    {
        if (Environment.GetEnvironmentVariable("PRINT_DOCS") is { Length: > 0 })
            File.WriteAllText(Path.Combine(Repository.Root, OperatingPage.Path), OperatingPage.Print());

        Repository.Read(OperatingPage.Path)
            .Should().Be(OperatingPage.Print(), "PRINT_DOCS=1 with this test writes it anew");
    }

    [Fact]
    public void Warnings_and_errors_of_the_log_have_advice_and_nothing_else_has()
    {
        OperatingPage.Messages.Should().HaveCountGreaterThan(60);
        OperatingPage.Messages.Where(message => message.NeedsAdvice).Select(message => message.Id)
            .Should().BeEquivalentTo(OperatingAdvice.Of.Keys);
    }

    [Theory]
    [InlineData("docs/SPECIFICATION.md", "aims")]
    [InlineData("README.md", "aims met")]
    public void Page_says_which_aims_the_last_bench_met(string page, string mark)
    {
        var figures = Repository.Read(Aims.Figures);
        var text = mark == "aims" ? Aims.Table(figures) : Aims.Sentence(figures) + "\n";
        var filled = Aims.Fill(Repository.Read(page), mark, text);
        if (Environment.GetEnvironmentVariable("PRINT_DOCS") is { Length: > 0 })
            File.WriteAllText(Path.Combine(Repository.Root, page), filled);

        Repository.Read(page).Should().Be(filled, "PRINT_DOCS=1 with this test writes it anew");
    }

    [Fact]
    public void Aim_is_missed_by_a_figure_beyond_its_limit_and_met_by_one_at_it()
    {
        var figures = Repository.Read(Aims.Figures);
        var bad = Regex.Replace(figures, @"(\| sizes \| initrd \|) [\d.]+", "$1 10.01");
        var good = Regex.Replace(figures, @"(\| sizes \| initrd \|) [\d.]+", "$1 10.00");

        Aims.Table(bad).Should().Contain("| initrd at most 10 MB | 10.01 MB | missed |");
        Aims.Sentence(bad).Should().Contain("initrd at most 10 MB");
        Aims.Table(good).Should().Contain("| initrd at most 10 MB | 10 MB | met |");
        Aims.Sentence(good).Should().NotContain("initrd");
    }

    [Fact]
    public void Readme_fits_on_a_few_screens() =>
        Repository.Read("README.md").Split('\n').Length.Should().BeLessThan(150);

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_resolve(string page)
    {
        foreach (Match link in Link().Matches(Code().Replace(Repository.Read(page), "")))
        {
            var target = link.Groups[1].Value;
            if (target.Contains("://", StringComparison.Ordinal) || target.StartsWith('#')
                || target.StartsWith("mailto:", StringComparison.Ordinal))
                continue;
            var path = Path.Combine(Path.GetDirectoryName(page)!, target.Split('#')[0]);
            Repository.Has(path).Should().BeTrue($"{page} links to {target}");
        }
    }

    [Fact]
    public void Files_name_no_path_of_a_build_machine()
    {
        // Put together, so that this file does not name them either.
        string[] places = ["/wor" + "k/main", "/wor" + "k/shared", "/wor" + "k/.", "/tmp/ka" + "ta/", "/tmp/ar" + "t/"];

        foreach (var path in Repository.Files("", Text))
        {
            var text = Repository.Read(path);
            places.Where(place => text.Contains(place, StringComparison.Ordinal)).Should().BeEmpty($"of {path}");
        }
    }

    [Fact]
    public void Specification_names_only_tests_that_exist()
    {
        var sources = Repository.Files("Tests", [".cs"]).Select(Repository.Read).ToList();

        var proofs = Proof().Matches(Repository.Read("docs/SPECIFICATION.md")).Select(match => match.Groups[1].Value)
            .ToList();

        proofs.Should().NotBeEmpty();
        foreach (var proof in proofs)
        {
            var parts = proof.Split('.');
            var classes = sources.Where(source => Regex.IsMatch(source, $@"class {parts[0]}\b")).ToList();
            classes.Should().NotBeEmpty($"SPECIFICATION.md names {proof}");
            if (parts.Length > 1)
                classes.Should().Contain(
                    source =>
                        source.Contains($" {parts[1]}(", StringComparison.Ordinal), $"SPECIFICATION.md names {proof}");
        }
    }

    [Fact]
    public void Decisions_are_numbered_without_gaps()
    {
        var numbers = Repository.Files("docs/adr", ".md")
            .Select(path => int.Parse(Path.GetFileName(path)[..4], System.Globalization.CultureInfo.InvariantCulture));

        numbers.Should().Equal(Enumerable.Range(1, numbers.Count()));
    }

    [Fact]
    public void Comments_hold_no_plans()
    {
        var plans = new Regex(@"//.*\b(TO" + @"DO|FIX" + @"ME|HA" + @"CK|XX" + @"X)\b");

        foreach (var path in Repository.Files("", ".cs"))
            plans.Match(Repository.Read(path)).Value.Should().BeEmpty($"of {path}");
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`([A-Z]\w*(?:Tests|Contract)(?:\.\w+)?)`")]
    private static partial Regex Proof();

    [GeneratedRegex(@"```.*?```|`[^`\n]*`", RegexOptions.Singleline)]
    private static partial Regex Code();
}
