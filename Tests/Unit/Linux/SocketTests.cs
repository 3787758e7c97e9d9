using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class SocketTests
{
    [Fact]
    public async Task Foreign_socket_accepts_connects_and_carries_bytes_both_ways()
    {
        using var scratch = new Scratch();
        var address = UnixAddress(scratch["s"]);
        using var listener = ForeignSocket.Listen(1, address, 8, "test");

        var accepting = listener.AcceptAsync();
        using var client = await ForeignSocket.ConnectAsync(1, address, "test", Waits.Limit, default).InTime();
        using var server = await accepting.InTime();

        // A receive that has to wait shows that the runtime's own polling takes the descriptor.
        var buffer = new byte[16];
        var receiving = server.ReceiveAsync(buffer);
        await client.SendAsync("ping"u8.ToArray());
        var read = await receiving.InTime();
        Encoding.UTF8.GetString(buffer, 0, read).Should().Be("ping");
        server.Send("pong"u8);
        read = client.Receive(buffer);
        Encoding.UTF8.GetString(buffer, 0, read).Should().Be("pong");
        server.Dispose();
        (await client.ReceiveAsync(buffer).InTime()).Should().Be(0);
    }

    [Fact]
    public async Task Accept_when_listener_is_disposed_of_ends()
    {
        using var scratch = new Scratch();
        using var listener = ForeignSocket.Listen(1, UnixAddress(scratch["s"]), 8, "test");
        var accepting = listener.AcceptAsync();

        listener.Dispose();

        var ended = () => accepting.InTime();
        await ended.Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Accept_when_a_peer_is_not_admitted_closes_it_and_takes_the_next()
    {
        using var scratch = new Scratch();
        var asked = 0;
        using var listener = ForeignSocket.Listen(1, UnixAddress(scratch["s"]), 8, "test", _ => asked++ > 0);
        using var stranger = await ForeignSocket.ConnectAsync(
            1, UnixAddress(scratch["s"]), "test", Waits.Limit, default).InTime();
        using var friend = await ForeignSocket.ConnectAsync(1, UnixAddress(scratch["s"]), "test", Waits.Limit, default)
            .InTime();

        using var accepted = await listener.AcceptAsync().InTime();
        accepted.Send("hello"u8);

        (await stranger.ReceiveAsync(new byte[16]).InTime()).Should().Be(0);
        (await friend.ReceiveAsync(new byte[16]).InTime()).Should().Be(5);
    }

    [Fact]
    public void Vsock_address_is_of_the_machine_that_it_names()
    {
        // Family 40, port 1024, machine 2.
        byte[] host = [40, 0, 0, 0, 0, 4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        byte[] local = [40, 0, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];

        VsockSocket.IsOf(host, VsockSocket.VMADDR_CID_HOST).Should().BeTrue();
        VsockSocket.IsOf(local, VsockSocket.VMADDR_CID_HOST).Should().BeFalse();
        VsockSocket.IsOf([], VsockSocket.VMADDR_CID_HOST).Should().BeFalse();
        VsockSocket.IsOf([1, 0, .. host[2..]], VsockSocket.VMADDR_CID_HOST).Should().BeFalse();
    }

    [Fact]
    public async Task Connect_when_nobody_listens_says_so()
    {
        using var scratch = new Scratch();

        var connecting = () => ForeignSocket.ConnectAsync(
            1, UnixAddress(scratch["none"]), "test", Waits.Limit, default);

        (await connecting.Should().ThrowAsync<LinuxException>()).Which.Errno.Should().Be(Errno.ENOENT);
    }

    [Fact]
    public async Task Vsock_listener_is_made_where_the_kernel_has_vsock()
    {
        if (!VsockSocket.IsSupported())
            return;
        using var listener = VsockSocket.Listen(VsockSocket.VMADDR_PORT_ANY);
        var accepting = listener.AcceptAsync();

        listener.Dispose();

        var ended = () => accepting.InTime();
        await ended.Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Vsock_connect_when_nobody_answers_ends_in_time()
    {
        if (!VsockSocket.IsSupported())
            return;

        var connecting = () => VsockSocket.ConnectAsync(77777, 1024, TimeSpan.FromMilliseconds(200));

        (await connecting.Should().ThrowAsync<LinuxException>()).Which.Call.Should().Be("connect");
    }

    [Fact]
    public async Task Socket_of_a_family_the_runtime_does_not_know_sends_and_receives_asynchronously()
    {
        // Routing netlink stands for vsock, which needs a peer outside this kernel: the runtime knows neither.
        var descriptor = Libc.socket(16, 3 | OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK, 0);
        using var socket = ForeignSocket.Wrap(new SafeSocketHandle(descriptor, ownsHandle: true));
        socket.AddressFamily.Should().Be(AddressFamily.Unknown);
        var buffer = new byte[65536];
        var receiving = socket.ReceiveAsync(buffer);
        receiving.IsCompleted.Should().BeFalse();

        // RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, with an empty struct ifinfomsg.
        var request = new byte[32];
        (request[0], request[4], request[6], request[7]) = (32, 18, 1, 3);
        (await socket.SendAsync(request)).Should().Be(32);

        (await receiving.InTime()).Should().BeGreaterThan(32);
    }

    [Fact]
    public async Task Unix_listener_has_its_mode_and_knows_its_peer()
    {
        using var scratch = new Scratch();
        using var listener = UnixSocket.Listen(scratch["s"], 0x1B0);
        FileStatus.Of(scratch["s"]).Permissions.Should().Be(0x1B0);

        using var client = await UnixSocket.ConnectAsync(scratch["s"]);
        using var server = await listener.AcceptAsync();

        UnixSocket.Peer(server).ProcessId.Should().Be(Environment.ProcessId);
        var again = () => UnixSocket.Listen(scratch["s"]);
        again.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.EADDRINUSE);
    }

    [Fact]
    public async Task Abstract_address_is_reached_by_name()
    {
        var name = $"@kata-test-{Guid.NewGuid():n}";
        using var listener = UnixSocket.Listen(name);

        using var client = await UnixSocket.ConnectAsync(name);

        client.Connected.Should().BeTrue();
    }

    [Fact]
    public async Task Inherited_listener_accepts()
    {
        using var scratch = new Scratch();
        var listener = UnixSocket.Listen(scratch["s"]);
        // As a child has it: another number for the same open file.
        var copy = DescriptorIo.Duplicate(listener.SafeHandle);
        var number = (int)copy.DangerousGetHandle();
        copy.SetHandleAsInvalid();
        listener.Dispose();
        File.Exists(scratch["s"]).Should().BeTrue();
        using var inherited = UnixSocket.FromInheritedDescriptor(number);

        var accepting = inherited.AcceptAsync();
        using var client = await UnixSocket.ConnectAsync(scratch["s"]);
        using var server = await accepting.InTime();

        server.Connected.Should().BeTrue();
    }

    [Fact]
    public async Task Descriptors_pass_through_a_socket()
    {
        using var scratch = new Scratch();
        using var listener = UnixSocket.Listen(scratch["s"]);
        using var client = await UnixSocket.ConnectAsync(scratch["s"]);
        using var server = await listener.AcceptAsync();
        DescriptorIo.SetNonBlocking(server.SafeHandle);
        using var pipe = Pipe.Create();
        var received = new List<SafeFileHandle>();
        var buffer = new byte[32];

        var receiving = FdPassing.ReceiveAsync(server.SafeHandle, buffer, received);
        FdPassing.TrySend(client.SafeHandle, "/dev/pts/0"u8, pipe.Writer, pipe.Reader).Should().BeTrue();
        var read = await receiving.InTime();

        Encoding.UTF8.GetString(buffer, 0, read).Should().Be("/dev/pts/0");
        received.Should().HaveCount(2);
        DescriptorIo.Write(received[0], "through"u8);
        DescriptorIo.TryRead(pipe.Reader, buffer).Should().Be(7);
        received.ForEach(handle => handle.Dispose());
    }

    private static byte[] UnixAddress(string path) => [1, 0, .. Encoding.UTF8.GetBytes(path), 0];
}
