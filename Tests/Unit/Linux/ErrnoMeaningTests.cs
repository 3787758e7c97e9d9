using FluentAssertions;
using Kata.Adapters.Guest;
using Kata.Adapters.Qemu;
using Kata.Core.Domain;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

public sealed class ErrnoMeaningTests
{
    [Theory]
    [InlineData(Errno.EACCES, "open", ErrorKind.PermissionDenied)]
    [InlineData(Errno.EPERM, "mount", ErrorKind.PermissionDenied)]
    [InlineData(Errno.ENOSPC, "write", ErrorKind.ResourceExhausted)]
    [InlineData(Errno.EDQUOT, "write", ErrorKind.ResourceExhausted)]
    [InlineData(Errno.EMFILE, "open", ErrorKind.ResourceExhausted)]
    [InlineData(Errno.ENOBUFS, "socket", ErrorKind.ResourceExhausted)]
    [InlineData(Errno.EAGAIN, "posix_spawn", ErrorKind.ResourceExhausted)]
    [InlineData(Errno.EAGAIN, "read", ErrorKind.Internal)]
    [InlineData(Errno.EIO, "read", ErrorKind.Internal)]
    public void Kind_when_the_number_alone_tells_is_the_same_of_all_adapters(Errno errno, string call, ErrorKind kind)
    {
        var refusal = new LinuxException(errno, call, "it");

        GuestErrors.Translate(refusal, "taking it").Kind.Should().Be(kind);
        refusal.ToKind(otherwise: ErrorKind.Internal).Should().Be(kind);
    }

    [Theory]
    [InlineData(Errno.EMFILE)]
    [InlineData(Errno.ENOSPC)]
    public void Kind_when_the_runtime_tells_the_number_is_the_same(Errno errno) =>
        GuestErrors.Translate(new IOException("full", (int)errno), "writing")
            .Kind.Should().Be(ErrorKind.ResourceExhausted);
}
