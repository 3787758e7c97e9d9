using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class PollerTests
{
    [Fact]
    public async Task Wait_when_bytes_come_completes()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        var wait = Poller.WaitReadableAsync(pipe.Reader).AsTask();
        wait.IsCompleted.Should().BeFalse();

        DescriptorIo.Write(pipe.Writer, "x"u8);

        await wait.InTime();
    }

    [Fact]
    public async Task Wait_when_the_other_side_closes_completes()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        var wait = Poller.WaitReadableAsync(pipe.Reader).AsTask();

        pipe.Writer.Dispose();

        await wait.InTime();
    }

    [Fact]
    public async Task Wait_when_regular_file_completes()
    {
        using var scratch = new Scratch();
        using var file = DescriptorIo.Open(scratch["file"], OpenFlags.O_RDWR | OpenFlags.O_CREAT, 0x180);

        await Poller.WaitReadableAsync(file).AsTask().InTime();
        (await DescriptorIo.ReadAsync(file, new byte[1])).Should().Be(0);
    }

    [Fact]
    public async Task Wait_when_cancelled_ends_with_that_token()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        using var source = new CancellationTokenSource();
        var wait = Poller.WaitReadableAsync(pipe.Reader, source.Token).AsTask();

        await source.CancelAsync();

        var waiting = () => wait.InTime();
        (await waiting.Should().ThrowAsync<OperationCanceledException>())
            .Which.CancellationToken.Should().Be(source.Token);
    }

    [Fact]
    public async Task Wait_when_closed_through_the_poller_ends_at_once()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        var wait = Poller.WaitReadableAsync(pipe.Reader).AsTask();

        Poller.Close(pipe.Reader);

        var waiting = () => wait.InTime();
        await waiting.Should().ThrowAsync<ObjectDisposedException>();
        pipe.Reader.IsClosed.Should().BeTrue();
    }

    [Fact]
    public async Task Wait_when_only_disposed_of_ends_too_and_gives_the_descriptor_back()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        var wait = Poller.WaitReadableAsync(pipe.Reader).AsTask();

        pipe.Reader.Dispose();

        var waiting = () => wait.InTime();
        await waiting.Should().ThrowAsync<ObjectDisposedException>();
        var writing = () => DescriptorIo.Write(pipe.Writer, "x"u8);
        writing.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.EPIPE);
    }

    [Fact]
    public async Task Wait_when_handle_is_disposed_of_already_is_refused()
    {
        using var pipe = Pipe.Create();
        pipe.Reader.Dispose();

        var waiting = () => Poller.WaitReadableAsync(pipe.Reader).AsTask();

        await waiting.Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Wait_when_read_and_write_wait_together_wakes_the_right_one()
    {
        var (controller, peer) = Terminal.CreatePair();
        using var _ = controller;
        using var __ = peer;
        var readable = Poller.WaitReadableAsync(controller).AsTask();

        await Poller.WaitWritableAsync(controller).AsTask().InTime();
        readable.IsCompleted.Should().BeFalse();

        DescriptorIo.Write(peer, "x"u8);
        await readable.InTime();
    }

    [Fact]
    public async Task Wait_when_several_wait_for_one_descriptor_wakes_all()
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        var waits = Enumerable.Range(0, 5).Select(_ => Poller.WaitReadableAsync(pipe.Reader).AsTask()).ToArray();

        DescriptorIo.Write(pipe.Writer, "x"u8);

        await Task.WhenAll(waits).InTime();
    }

    [Fact]
    public async Task Wait_when_cancel_close_and_bytes_race_always_ends()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 500; i++)
            {
                using var pipe = Pipe.Create(nonBlockingReader: true);
                using var source = new CancellationTokenSource();
                var wait = Poller.WaitReadableAsync(pipe.Reader, source.Token).AsTask();
                var rivals = new[]
                {
                    Task.Run(source.Cancel),
                    Task.Run(() => Poller.Close(pipe.Reader)),
                    Task.Run(() => { try { DescriptorIo.Write(pipe.Writer, "x"u8); } catch (LinuxException) { } }),
                };
                await Task.WhenAll(rivals);
                try
                {
                    await wait.InTime();
                }
                catch (Exception end) when (end is OperationCanceledException or ObjectDisposedException)
                {
                }
            }
        }))).WaitAsync(TimeSpan.FromSeconds(60));
    }
}
