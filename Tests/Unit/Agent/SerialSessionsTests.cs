using System.Buffers.Binary;
using CsCheck;
using FluentAssertions;
using Kata.Apps.Agent.Serving;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public class SerialSessionsTests
{
    [Fact]
    public void Accept_answers_the_greeting_whatever_came_before_it()
    {
        var greeting = Greeting(1);
        var device = new Device([.. new byte[] { 1, 2, 255, 255 }, .. greeting]);

        new SerialSessions(device).Accept();

        device.Written.Should().Equal(greeting);
    }

    [Fact]
    public void Read_gives_the_frames_and_ends_at_the_next_greeting()
    {
        var frame = Frame(5);
        var device = new Device([.. Greeting(1), .. frame, .. Greeting(2), .. Frame(1)]);
        var port = new SerialSessions(device);

        var first = port.Accept();
        var received = ReadAll(first);
        var second = port.Accept();

        received.Should().Equal(frame);
        first.Closed.Should().BeTrue();
        device.Written.Should().Equal([.. Greeting(1), .. Greeting(2)]);
        ReadAll(second).Should().Equal(Frame(1));
    }

    [Fact]
    public void Read_when_the_host_goes_ends_and_drops_half_a_frame()
    {
        var device = new Device([.. Greeting(1), .. Frame(20).AsSpan(0, 12)], [.. Greeting(2)]);
        var port = new SerialSessions(device);

        ReadAll(port.Accept()).Should().HaveCount(12);
        var next = port.Accept();

        next.Closed.Should().BeFalse();
    }

    [Fact]
    public void Read_when_a_greetings_bytes_lie_inside_a_frame_passes_them_on()
    {
        var frame = Frame(26, Greeting(7));
        var device = new Device([.. Greeting(1), .. frame]);

        ReadAll(new SerialSessions(device).Accept()).Should().Equal(frame);
    }

    [Fact]
    public void Write_when_the_session_is_over_is_refused()
    {
        var device = new Device([.. Greeting(1)]);
        var session = new SerialSessions(device).Accept();
        session.Dispose();

        session.Invoking(s => s.Write([1])).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Read_however_the_bytes_are_cut_gives_the_same_frames() =>
        Gen.Select(Gen.Int[0, 40].List[0, 5], Gen.Int[1, 9]).Sample((sizes, cut) =>
        {
            byte[] frames = [.. sizes.SelectMany(size => Frame(size))];
            var device = new Device([.. Greeting(3), .. frames, .. Greeting(4)]) { Cut = cut };
            var port = new SerialSessions(device);

            ReadAll(port.Accept()).Should().Equal(frames);
            port.Accept();
        });

    private static byte[] Greeting(byte nonce) => [.. SerialSessions.Greeting, .. Enumerable.Repeat(nonce, 16)];

    private static byte[] Frame(int length, byte[]? payload = null)
    {
        var frame = new byte[10 + length];
        BinaryPrimitives.WriteInt32BigEndian(frame, length);
        (payload ?? Enumerable.Range(0, length).Select(i => (byte)i).ToArray()).CopyTo(frame, 10);
        return frame;
    }

    private static byte[] ReadAll(SerialSession session)
    {
        var all = new List<byte>();
        var buffer = new byte[7];
        int read;
        while ((read = session.Read(buffer)) > 0)
            all.AddRange(buffer.AsSpan(0, read));
        return [.. all];
    }

    /// <summary>Hands out each connection's bytes, and a zero read between and after them.</summary>
    private sealed class Device(params byte[][] connections) : ISerialDevice
    {
        private int _connection;
        private int _at;

        public int Cut { get; init; } = int.MaxValue;

        public List<byte> Written { get; } = [];

        public int Read(Span<byte> buffer)
        {
            if (_connection == connections.Length)
                return 0;
            var left = connections[_connection].AsSpan(_at);
            if (left.IsEmpty)
            {
                _connection++;
                _at = 0;
                return 0;
            }

            var count = Math.Min(Math.Min(left.Length, buffer.Length), Cut);
            left[..count].CopyTo(buffer);
            _at += count;
            return count;
        }

        public void Write(ReadOnlySpan<byte> bytes) => Written.AddRange(bytes);
    }
}
