using FluentAssertions;
using Grpc.Core;
using Kata.Adapters.Vsock.Agent;
using Xunit;

namespace Kata.Tests.Unit.Vsock;

public class ManagerTextsTests
{
    // By what moby takes its exit statuses from, in small letters, as its command line does not lower them.
    private static readonly string[] Of126 = ["permission denied", "is a directory"];
    private static readonly string[] Of127 = ["executable file not found", "no such file or directory",
        "not a directory"];

    [Theory]
    [InlineData("crun create: executable file `nosuch` not found in $PATH: No such file or directory", "nosuch", 127)]
    [InlineData("crun exec: executable file `nosuch` not found in $PATH", "nosuch", 127)]
    [InlineData("crun create: executable file `/no/such` not found in $PATH: No such file or directory", "/no/such",
        127)]
    [InlineData("crun create: open executable: Permission denied", "/etc/passwd", 126)]
    [InlineData("crun create: open executable: Operation not permitted", "/etc", 126)]
    [InlineData("crun exec: open executable: Not a directory", "/etc/passwd/x", 127)]
    [InlineData("crun create: the path `/tmp/x` exists but it is not executable: Operation not permitted", "/tmp/x",
        126)]
    [InlineData("crun exec: the path `/etc` is not a regular file: Operation not permitted", "/etc", 126)]
    [InlineData("crun create: executable file `/no/such` not found: No such file or directory", "/no/such", 127)]
    [InlineData("crun create: cannot find `` in $PATH: No such file or directory", "", 127)]
    [InlineData("crun exec: exec container process `/bin`: Permission denied", "/bin", 126)]
    [InlineData("crun exec: exec container process (missing dynamic library?) `/x`: No such file or directory", "/x",
        127)]
    [InlineData("the file nosuch was not found", "nosuch", 127)]
    public void Translate_when_a_command_cannot_be_executed_names_it_and_says_why_as_managers_know_it(
        string sentence, string program, int status)
    {
        var message = Translate(sentence, program);

        StatusOf(message).Should().Be(status);
        message.Should().Contain($"exec: \"{program}\": ").And.EndWith(sentence);
    }

    [Theory]
    [InlineData("crun create: open `/proc/sys/kernel/nosuch`: No such file or directory", 127)]
    [InlineData("crun create: mount `/a` to `/etc/b`: Not a directory", 127)]
    [InlineData("Failed to create container: ENOENT: No such file or directory", 127)]
    [InlineData("EACCES", 126)]
    [InlineData("crun create: sethostname: Operation not permitted", null)]
    [InlineData("container demo exists already", null)]
    public void Translate_when_something_else_fails_blames_no_command(string sentence, int? status)
    {
        var message = Translate(sentence, "prog");

        StatusOf(message).Should().Be(status);
        message.Should().NotContain("prog").And.EndWith(sentence);
    }

    [Fact]
    public void Translate_when_no_process_is_made_adds_nothing() =>
        AgentErrors.Translate(
            new RpcException(new Status(StatusCode.Internal, "open `/x`: No such file or directory")), "StatsContainer",
            null)
            .Message.Should().Be("the guest agent refused StatsContainer: open `/x`: No such file or directory");

    [Fact]
    public void Translate_when_the_command_is_endless_or_of_several_lines_bounds_it()
    {
        var message = Translate("crun create: open executable: Permission denied", "a\nb" + new string('x', 100_000));

        message.Length.Should().BeLessThan(1000);
        message.Should().NotContain("\n");
    }

    private static string Translate(string sentence, string program) =>
        AgentErrors.Translate(
            new RpcException(new Status(StatusCode.Internal, sentence)), "CreateContainer", null, program).Message;

    private static int? StatusOf(string message) =>
        Of126.Any(message.Contains) ? 126 : Of127.Any(message.Contains) ? 127 : null;
}
