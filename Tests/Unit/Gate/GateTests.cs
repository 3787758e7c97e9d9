using FluentAssertions;
using Xunit;

namespace Kata.Tests.Unit.Gate;

/// <summary>What decides whether a change lands.</summary>
public sealed class GateTests : IDisposable
{
    private const string Name = "Kata.Tests.Unit.SomeTests.Some_when_tried";
    private const string Row = Name + "(text: \"a, b (c) = \\\"q\\\" & | ! ~ <x>\", number: 1)";

    private readonly PlayedTests _played = new();

    public void Dispose() => _played.Dispose();

    [Fact]
    public async Task Run_when_all_passed_runs_nothing_again()
    {
        _played.Answer(0, "", PlayedTests.Outcome(Name, "Passed"), PlayedTests.Outcome("x", "NotExecuted"));

        var (code, lines) = await TestAsync();

        code.Should().Be(0);
        lines[^1].Should().Be("1 passed, 0 failed, 1 skipped");
        lines.Should().NotContain(line => line.StartsWith("FLAKY", StringComparison.Ordinal));
        _played.Calls.Should().HaveCount(1);
    }

    [Fact]
    public async Task Run_when_a_test_fails_and_then_passes_alone_passes_and_tells_both_outcomes()
    {
        _played.Answer(
            1, "", PlayedTests.Outcome(Name, "Failed", "Expected <3>\nbut found \"4\" & more"),
            PlayedTests.Outcome("y", "Passed"));
        _played.Answer(0, "", PlayedTests.Outcome(Name, "Passed"));

        var (code, lines) = await TestAsync();

        code.Should().Be(0);
        lines[^1].Should().Be("2 passed, 0 failed, 0 skipped");
        lines[^2].Should().Be(
            $"FLAKY {Name}: failed at 07:06:45Z after 62.5 s: Expected <3> / but found \"4\" & more; passed alone at 07:06:45Z after 62.5 s");
        _played.Calls[1].Should().Contain($"--filter DisplayName={Name}");
    }

    [Fact]
    public async Task Run_when_a_test_fails_twice_fails_with_both()
    {
        _played.Answer(1, "", PlayedTests.Outcome(Name, "Failed", "first"));
        _played.Answer(1, "", PlayedTests.Outcome(Name, "Failed", "second"));

        var (code, lines) = await TestAsync();

        code.Should().Be(1);
        lines[^1].Should().Be("0 passed, 1 failed, 0 skipped");
        lines[^2].Should().Be($"FAILED {Name}: first; once more, alone: failed at 07:06:45Z after 62.5 s: second");
    }

    [Theory]
    [InlineData("NotExecuted", 0)]
    [InlineData("Passed", 1)]
    public async Task Run_when_a_failed_test_does_not_plainly_pass_alone_fails(string outcome, int code)
    {
        _played.Answer(1, "", PlayedTests.Outcome(Name, "Failed", "first"));
        _played.Answer(code, "", PlayedTests.Outcome(Name, outcome));

        (await TestAsync()).Code.Should().Be(1);
    }

    [Fact]
    public async Task Run_when_a_row_of_a_theory_fails_runs_that_row_alone()
    {
        _played.Answer(1, "", PlayedTests.Outcome(Row, "Failed", "first"));
        _played.Answer(0, "", PlayedTests.Outcome(Row, "Passed"));

        var (code, lines) = await TestAsync();

        code.Should().Be(0);
        lines[^2].Should().StartWith($"FLAKY {Row}: failed");
        _played.Calls[1].Should().EndWith(
            $"--filter DisplayName={Name}\\(text: \"a, b \\(c\\) \\= \\\\\"q\\\\\" \\& \\| \\! \\~ <x>\", number: 1\\)");
    }

    [Fact]
    public async Task Run_when_a_row_of_a_theory_cannot_be_named_runs_the_whole_method_and_says_so()
    {
        _played.Answer(1, "", PlayedTests.Outcome(Row, "Failed", "first"));
        _played.Say(0, "No test matches the given testcase filter");
        _played.Answer(
            0, "", PlayedTests.Outcome(Row, "Passed"), PlayedTests.Outcome(Name + "(text: \"b\")", "Passed"));

        var (code, lines) = await TestAsync();

        code.Should().Be(0);
        lines[^2].Should().Contain("passed alone, with all of its method's cases at");
        lines[^1].Should().Be("1 passed, 0 failed, 0 skipped");
        _played.Calls[2].Should().EndWith($"--filter FullyQualifiedName={Name}");
    }

    [Fact]
    public async Task Run_when_no_such_test_can_be_run_again_fails()
    {
        _played.Answer(1, "", PlayedTests.Outcome(Row, "Failed", "first"));
        _played.Say(0, "No test matches the given testcase filter");
        _played.Say(0, "No test matches the given testcase filter");

        (await TestAsync()).Code.Should().Be(1);
    }

    [Fact]
    public async Task Run_when_many_tests_fail_runs_none_again()
    {
        _played.Answer(
            1, "", [.. Enumerable.Range(0, 6).Select(i => PlayedTests.Outcome($"{Name}_{i}", "Failed", "first"))]);

        var (code, lines) = await TestAsync();

        code.Should().Be(1);
        lines[^1].Should().Be("0 passed, 6 failed, 0 skipped");
        lines.Should().Contain(
            line => line.Contains("6 tests failed: more than 5 are no flicker", StringComparison.Ordinal));
        lines.Count(line => line.StartsWith("FAILED ", StringComparison.Ordinal)).Should().Be(6);
        _played.Calls.Should().HaveCount(1);
    }

    [Fact]
    public async Task Run_that_breaks_off_fails_and_names_the_tests_without_an_outcome()
    {
        _played.Answer(1, PlayedTests.BrokenOff, PlayedTests.Outcome("A.Told", "Passed"));
        _played.Say(0, $"The following Tests are available:\n    A.Told\n    {Row}\n    A.Never");

        var (code, lines) = await TestAsync();

        code.Should().Be(1);
        lines[^1].Should().Be("1 passed, 1 failed, 0 skipped");
        lines[^2].Should().Be($"FAILED Unit: {PlayedTests.BrokenOff}; 2 without an outcome: A.Never, {Row}");
        _played.Calls[1].Should().Contain("--list-tests --filter category!=real");
    }

    [Fact]
    public async Task Run_that_breaks_off_after_a_flicker_fails()
    {
        _played.Answer(1, PlayedTests.BrokenOff, PlayedTests.Outcome(Name, "Failed", "first"));
        _played.Say(0, $"    {Name}\n    A.Never");
        _played.Answer(0, "", PlayedTests.Outcome(Name, "Passed"));

        var (code, lines) = await TestAsync();

        code.Should().Be(1);
        lines[^1].Should().Be("1 passed, 1 failed, 0 skipped");
        lines.Should().Contain(
            line =>
                line.StartsWith("FAILED Unit: ", StringComparison.Ordinal)
                    && line.EndsWith("1 without an outcome: A.Never", StringComparison.Ordinal));
        lines.Should().Contain(line => line.StartsWith($"FLAKY {Name}: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_whose_repetition_breaks_off_fails()
    {
        _played.Answer(1, "", PlayedTests.Outcome(Name, "Failed", "first"));
        _played.Say(1, PlayedTests.BrokenOff);

        var (code, lines) = await TestAsync();

        code.Should().Be(1);
        lines[^2].Should().Be($"FAILED {Name}: first; once more, alone: no outcome, exit code 1");
    }

    [Fact]
    public async Task Run_that_never_reports_fails()
    {
        _played.Say(134, "");
        _played.Say(0, "    A.Never");

        var (code, lines) = await TestAsync();

        code.Should().Be(1);
        lines[^2].Should().Be("FAILED Unit: the run ended with exit code 134; 1 without an outcome: A.Never");
    }

    [Fact]
    public async Task Run_whose_fixture_cannot_be_taken_down_fails_whatever_flickered()
    {
        _played.Answer(
            1,
            "[xUnit.net 00:00:02.26]     [Test Class Cleanup Failure (S.T)] System.Exception\n[xUnit.net 00:00:02.26]       left a mount\n"
                + "[xUnit.net 00:00:02.26]       Stack Trace:\n[xUnit.net 00:00:02.27]     S.Other [FAIL]",
            PlayedTests.Outcome(Name, "Failed", "first"));
        _played.Answer(0, "", PlayedTests.Outcome(Name, "Passed"));

        var (code, lines) = await TestAsync();

        code.Should().Be(1);
        lines.Should().Contain("FAILED Unit: [Test Class Cleanup Failure (S.T)] System.Exception / left a mount");
    }

    [Theory]
    [InlineData(0, 0, "FLAKY a: failed; passed", "7 passed, 0 failed, 1 skipped")]
    [InlineData(2, 1, "FAILED a: failed; failed", "6 passed, 1 failed, 1 skipped")]
    public async Task Gate_adds_both_targets_up_and_lists_what_failed_or_flickered(
        int made, int expected, string told, string sum)
    {
        var failed = made == 0 ? 0 : 1;
        _played.Say(made, $"{told}\n{4 - failed} passed, {failed} failed, 1 skipped");
        _played.Say(0, "3 passed, 0 failed, 0 skipped");

        var (code, lines) = await _played.RunAsync(".ci/run");

        code.Should().Be(expected);
        lines[^2..].Should().Equal(told, sum);
        _played.Calls.Should().Equal("make test", "make matrix");
    }

    private Task<(int Code, string[] Lines)> TestAsync() =>
        _played.RunAsync("Tests/tools/test.sh", "Unit:category!=real");
}
