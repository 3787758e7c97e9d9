using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>
/// A command that cannot be executed is told of in the words by which Docker finds its exit status: 127 or 126.
/// </summary>
public sealed class CommandErrorTests(
    PrivateContainerd host, SharedContainerLife life) : SharedContainerTest(host, life)
{
    /// <summary>
    /// A command, and the words for it; the kernel itself says of a folder only that it may not be executed.
    /// </summary>
    public static TheoryData<string, string> Commands => new()
    {
        { "nosuchprog", "executable file not found|no such file or directory" },
        { "/no/such", "executable file not found|no such file or directory" },
        { "/proc/version", "permission denied" },
        { "/etc", "permission denied|is a directory" },
    };

    // Both go one way; a run costs a machine, an exec none.
    [Theory]
    [InlineData("nosuchprog", "executable file not found|no such file or directory")]
    [InlineData("/etc", "permission denied|is a directory")]
    public async Task Run_when_the_command_cannot_be_executed_names_it_in_the_words_of_managers(
        string command, string words) =>
        Check(await Host.RunAsync(Host.NewId("command"), command), command, words);

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Exec_when_the_command_cannot_be_executed_names_it_in_the_words_of_managers(
        string command, string words) =>
        Check(await Container.ExecAsync(command), command, words);

    private static void Check(CommandResult result, string name, string words)
    {
        result.ExitCode.Should().NotBe(0);
        result.Stderr.Should().Contain(name);
        words.Split('|')
            .Should().Contain(word => result.Stderr.Contains(word, StringComparison.Ordinal), result.Stderr);
    }
}
