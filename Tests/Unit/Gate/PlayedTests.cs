using System.Globalization;
using System.Security;
using Kata.Tests.TestHost;

namespace Kata.Tests.Unit.Gate;

/// <summary>
/// A copy of the scripts that run the tests, with a <c>dotnet</c> and a <c>make</c> that answer, call by call, what the
/// real ones were recorded to: a report, what they print, and an exit code.
/// </summary>
internal sealed class PlayedTests : IDisposable
{
    /// <summary>What the console says of a run whose test host ended.</summary>
    public const string BrokenOff = "The active test run was aborted. Reason: Test host process crashed";

    private const string Player =
        """
        #!/bin/bash
        cd "$PLAYED" || exit 99
        call=$(($(cat count) + 1))
        echo "$call" > count
        printf '%s\n' "$(basename "$0") $*" >> calls
        if [ ! -d "answers/$call" ]; then echo "nobody expected: $*"; exit 98; fi
        if [ -f "answers/$call/report.trx" ]; then
            folder=$(sed 's/.*--results-directory \([^ ]*\).*/\1/' <<< "$*")
            cp "answers/$call/report.trx" "$folder/report.trx"
        fi
        cat "answers/$call/printed"
        exit "$(cat "answers/$call/code")"
        """;

    private readonly string _root = Directory.CreateTempSubdirectory("kata-gate-").FullName;
    private int _answers;

    public PlayedTests()
    {
        Copy(".ci/run");
        foreach (var tool in Directory.EnumerateFiles(Path.Combine(Repository.Root, "Tests", "tools")))
            Copy(Path.GetRelativePath(Repository.Root, tool));
        File.WriteAllText(Path.Combine(_root, "count"), "0");
        File.WriteAllText(Path.Combine(_root, "calls"), "");
        Directory.CreateDirectory(Path.Combine(_root, "bin"));
        foreach (var name in (string[])["dotnet", "make"])
        {
            var path = Path.Combine(_root, "bin", name);
            File.WriteAllText(path, Player);
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>The command lines of dotnet and make so far.</summary>
    public string[] Calls => File.ReadAllLines(Path.Combine(_root, "calls"));

    public void Dispose() => Directory.Delete(_root, recursive: true);

    /// <summary>A test's outcome as a report holds it.</summary>
    public static string Outcome(string name, string outcome, string? message = null) =>
        $"""
            <UnitTestResult executionId="e" testId="t" testName="{SecurityElement.Escape(name)}" computerName="vm" duration="00:01:02.5000000" startTime="2026-11-30T07:06:45.4082038+00:00" endTime="2026-11-30T07:06:45.4099627+00:00" testType="y" outcome="{outcome}" testListId="l" relativeResultsDirectory="r">
              <Output>
                <ErrorInfo>
                  <Message>{SecurityElement.Escape(message)}</Message>
                  <StackTrace>   at {SecurityElement.Escape(name)} in /x.cs:line 7</StackTrace>
                </ErrorInfo>
              </Output>
            </UnitTestResult>
        """;

    /// <summary>The next run of tests.</summary>
    public void Answer(int code, string printed, params string[] outcomes)
    {
        int Count(string outcome) => outcomes.Count(
            o => o.Contains($" outcome=\"{outcome}\"", StringComparison.Ordinal));
        var report =
            $"""
            <?xml version="1.0" encoding="utf-8"?>
            <TestRun id="i" name="n">
              <Results>
            {string.Join('\n', outcomes)}
              </Results>
              <ResultSummary outcome="{(code == 0 ? "Completed" : "Failed")}">
                <Counters total="{outcomes.Length}" executed="{outcomes.Length - Count("NotExecuted")}" passed="{Count("Passed")}" failed="{Count("Failed")}" error="0" timeout="0" />
              </ResultSummary>
            </TestRun>
            """;
        Say(code, printed, report);
    }

    /// <summary>The next call: what it prints, and the report that it leaves, if one.</summary>
    public void Say(int code, string printed, string? report = null)
    {
        var folder = Path.Combine(_root, "answers", (++_answers).ToString(CultureInfo.InvariantCulture));
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "code"), code.ToString(CultureInfo.InvariantCulture));
        File.WriteAllText(Path.Combine(folder, "printed"), printed.Length == 0 ? "" : printed + "\n");
        if (report is not null)
            File.WriteAllText(Path.Combine(folder, "report.trx"), report);
    }

    /// <summary>Runs a script; gives its exit code and the lines it printed.</summary>
    public async Task<(int Code, string[] Lines)> RunAsync(string script, params string[] arguments)
    {
        var environment = new Dictionary<string, string>
        {
            ["PATH"] = Path.Combine(_root, "bin") + ":" + Environment.GetEnvironmentVariable("PATH"),
            ["PLAYED"] = _root,
        };
        var result = await Command.RunAsync(
            "bash", [Path.Combine(_root, script), .. arguments], environment: environment);
        return (result.ExitCode, result.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private void Copy(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_root, path))!);
        File.Copy(Path.Combine(Repository.Root, path), Path.Combine(_root, path));
    }
}
