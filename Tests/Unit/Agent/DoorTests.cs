using System.Net.Sockets;
using FluentAssertions;
using Kata.Apps.Agent.Serving;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public sealed class DoorTests
{
    [Theory]
    [InlineData(Errno.EMFILE)]
    [InlineData(Errno.ENFILE)]
    [InlineData(Errno.ENOMEM)]
    public async Task Serve_when_the_kernel_refuses_for_a_moment_goes_on(Errno errno)
    {
        var accepts = new Queue<Func<Socket>>([
            () => throw new LinuxException(errno, "accept4", "fd 3"),
            () => new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified),
            () => throw new ObjectDisposedException("listener"),
        ]);
        var served = 0;

        var serving = () => Door.ServeAsync(
            () => Task.Run(accepts.Dequeue()),
            socket =>
            {
                socket.Dispose();
                served++;
            },
            TimeProvider.System);

        await serving.Should().ThrowAsync<ObjectDisposedException>();
        served.Should().Be(1);
    }
}
