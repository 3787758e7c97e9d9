using FluentAssertions;
using Google.Protobuf;
using Kata.Apps.Agent.Stdio;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public class StreamsTests
{
    [Fact]
    public async Task Read_when_the_writer_has_gone_gives_what_is_left_and_then_the_end()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        using var output = new OutputStream(pipe.Reader);
        DescriptorIo.Write(pipe.Writer, "hello"u8);
        pipe.Writer.Dispose();

        var first = await output.ReadAsync(3, default);
        var second = await output.ReadAsync(100, default);
        var end = await output.ReadAsync(100, default);

        first.ToStringUtf8().Should().Be("hel");
        second.ToStringUtf8().Should().Be("lo");
        end.IsEmpty.Should().BeTrue();
        output.Ended.Should().BeTrue();
    }

    [Fact]
    public async Task Read_when_nothing_is_there_waits_for_it()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        using var output = new OutputStream(pipe.Reader);

        var reading = output.ReadAsync(100, default);
        reading.IsCompleted.Should().BeFalse();
        DescriptorIo.Write(pipe.Writer, "x"u8);

        (await reading).ToStringUtf8().Should().Be("x");
    }

    [Fact]
    public async Task Read_when_the_stream_is_closed_meanwhile_ends()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        var output = new OutputStream(pipe.Reader);
        var reading = output.ReadAsync(100, default);

        output.Dispose();

        (await reading).Should().Equal(ByteString.Empty);
        output.Ended.Should().BeTrue();
    }

    [Fact]
    public async Task Read_when_its_caller_leaves_loses_nothing()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        using var output = new OutputStream(pipe.Reader);
        using var left = new CancellationTokenSource();
        var abandoned = output.ReadAsync(100, left.Token);

        await left.CancelAsync();
        await abandoned.Awaiting(t => t).Should().ThrowAsync<OperationCanceledException>();
        DescriptorIo.Write(pipe.Writer, "kept"u8);

        (await output.ReadAsync(100, default)).ToStringUtf8().Should().Be("kept");
    }

    [Fact]
    public async Task End_when_a_write_is_stuck_returns_and_closes_after_it()
    {
        using var pipe = Pipe.Create(nonBlockingWriter: true);
        var input = new InputStream(pipe.Writer, closes: true);
        var writing = input.WriteAsync(new byte[256 * 1024], default);
        writing.IsCompleted.Should().BeFalse();

        input.End();
        var total = 0;
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await Task.Run(() => DescriptorIo.TryRead(pipe.Reader, buffer))) > 0)
            total += read;

        await writing;
        total.Should().Be(256 * 1024);
        await input.Awaiting(i => i.WriteAsync(new byte[1], default)).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task End_of_a_terminal_leaves_it_open()
    {
        using var pipe = Pipe.Create(nonBlockingWriter: true);
        using var input = new InputStream(pipe.Writer, closes: false);

        input.End();

        await input.WriteAsync("x"u8.ToArray(), default);
        DescriptorIo.TryRead(pipe.Reader, new byte[4]).Should().Be(1);
    }
}
