using FluentAssertions;
using Grpc.Core;
using Kata.Adapters.Vsock.Agent;
using Kata.Core.Domain;
using Xunit;

namespace Kata.Tests.Unit.Vsock;

public class AgentErrorsTests
{
    [Theory]
    [InlineData(StatusCode.InvalidArgument, "InvalidContainerId", ErrorKind.NotFound)]
    [InlineData(StatusCode.InvalidArgument, "\"invalid container id\"", ErrorKind.NotFound)]
    [InlineData(StatusCode.InvalidArgument, "\"empty mac\"", ErrorKind.InvalidArgument)]
    [InlineData(StatusCode.NotFound, "InitProcessNotFound", ErrorKind.NotFound)]
    [InlineData(StatusCode.NotFound, "/grpc.AgentService/SetPolicy is not supported", ErrorKind.Unimplemented)]
    [InlineData(StatusCode.Internal, "\"Invalid container id box\"", ErrorKind.NotFound)]
    [InlineData(StatusCode.Internal, "ESRCH: No such process", ErrorKind.NotFound)]
    [InlineData(StatusCode.Internal, "\"Process not found: init process missing\"", ErrorKind.NotFound)]
    [InlineData(StatusCode.Internal, "\"Link not found (\"aa:bb\")\"", ErrorKind.NotFound)]
    [InlineData(StatusCode.Internal, "failed to pause container: current status is: Paused",
        ErrorKind.FailedPrecondition)]
    [InlineData(StatusCode.Internal, "ETIME", ErrorKind.DeadlineExceeded)]
    [InlineData(StatusCode.Internal, "cannot set date: SetGuestDateTime", ErrorKind.Internal)]
    [InlineData(StatusCode.Unavailable, "\"no tty\"", ErrorKind.FailedPrecondition)]
    [InlineData(StatusCode.PermissionDenied, "denied by policy", ErrorKind.PermissionDenied)]
    [InlineData(StatusCode.AlreadyExists, "x", ErrorKind.AlreadyExists)]
    [InlineData(StatusCode.ResourceExhausted, "x", ErrorKind.ResourceExhausted)]
    [InlineData(StatusCode.Unimplemented, "x", ErrorKind.Unimplemented)]
    [InlineData(StatusCode.Unknown, "x", ErrorKind.Internal)]
    public void Translate_when_agent_refuses_finds_the_kind(StatusCode code, string text, ErrorKind kind)
    {
        var failure = AgentErrors.Translate(new RpcException(new Status(code, text)), "SomeCall", limit: null);

        failure.Kind.Should().Be(kind);
        failure.Message.Should().Contain(text).And.Contain("SomeCall");
    }

    [Theory]
    [InlineData(StatusCode.InvalidArgument, "Invalid container id 'b': two characters or more")]
    [InlineData(StatusCode.Internal, "\"invalid container id 'b'\"")]
    public void Translate_when_a_name_is_refused_at_its_creation_never_says_that_it_was_not_found(
        StatusCode code, string text) =>
        AgentErrors.Translate(new RpcException(new Status(code, text)), "CreateContainer", null)
            .Kind.Should().Be(ErrorKind.InvalidArgument);

    [Fact]
    public void Translate_when_creation_is_unimplemented_never_says_so() =>
        AgentErrors.Translate(new RpcException(new Status(StatusCode.Unimplemented, "x")), "CreateContainer", null)
            .Kind.Should().Be(ErrorKind.Internal);

    [Fact]
    public void Translate_when_sentence_is_endless_cuts_it()
    {
        var failure = AgentErrors.Translate(
            new RpcException(new Status(StatusCode.Internal, new string('x', 1_000_000))), "SomeCall", null);

        failure.Message.Length.Should().BeLessThan(5000);
    }

    [Theory]
    [InlineData("no\u202Eyes", "noyes")]
    [InlineData("one\u2028two", "one two")]
    [InlineData("one\ntwo", "one two")]
    [InlineData("\e[2Jred", "red")]
    public void Translate_when_sentence_would_mislead_its_reader_takes_that_out(string text, string expected) =>
        AgentErrors.Translate(new RpcException(new Status(StatusCode.Internal, text)), "SomeCall", null)
            .Message.Should().EndWith($": {expected}");

    [Fact]
    public void Translate_when_deadline_passed_says_which()
    {
        var failure = AgentErrors.Translate(
            new RpcException(new Status(StatusCode.DeadlineExceeded, "x")), "StartContainer", TimeSpan.FromSeconds(60));

        failure.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        failure.Message.Should().Contain("StartContainer").And.Contain("60 s");
    }
}
