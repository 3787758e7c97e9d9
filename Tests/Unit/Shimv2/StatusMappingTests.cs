using FluentAssertions;
using Grpc.Core;
using Kata.Adapters.Shimv2.Errors;
using Kata.Core.Domain;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

public sealed class StatusMappingTests
{
    [Fact]
    public void Table_holds_every_kind()
    {
        StatusMapping.Table.Keys.Should().BeEquivalentTo(Enum.GetValues<ErrorKind>());
    }

    [Theory]
    [InlineData(ErrorKind.InvalidArgument, 3)]
    [InlineData(ErrorKind.DeadlineExceeded, 4)]
    [InlineData(ErrorKind.NotFound, 5)]
    [InlineData(ErrorKind.AlreadyExists, 6)]
    [InlineData(ErrorKind.PermissionDenied, 7)]
    [InlineData(ErrorKind.ResourceExhausted, 8)]
    [InlineData(ErrorKind.FailedPrecondition, 9)]
    [InlineData(ErrorKind.Aborted, 10)]
    [InlineData(ErrorKind.Unimplemented, 12)]
    [InlineData(ErrorKind.Internal, 13)]
    [InlineData(ErrorKind.Unavailable, 14)]
    public void ToRpc_gives_containerds_code_and_our_sentence(ErrorKind kind, int code)
    {
        var answer = StatusMapping.ToRpc(new KataException(kind, "what happened"));

        answer.Status.Should().Be(new Status((StatusCode)code, "what happened"));
    }
}
