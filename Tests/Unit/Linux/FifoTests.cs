using System.Text;
using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class FifoTests
{
    [Fact]
    public async Task Bytes_written_are_read_though_more_than_the_fifo_holds()
    {
        using var scratch = new Scratch();
        Fifo.Create(scratch["f"]);
        using var reader = Fifo.OpenReader(scratch["f"]);
        using var writer = Fifo.OpenWriter(scratch["f"]);
        var sent = new byte[1_000_000];
        new Random(1).NextBytes(sent);

        var writing = Task.Run(async () =>
        {
            await DescriptorIo.WriteAsync(writer, sent);
            writer.Dispose();
        });
        var received = new MemoryStream();
        var buffer = new byte[65536];
        while (await DescriptorIo.ReadAsync(reader, buffer).AsTask().InTime() is > 0 and var read)
            received.Write(buffer, 0, read);
        await writing.InTime();

        received.ToArray().Should().Equal(sent);
    }

    [Fact]
    public void OpenWriter_when_nobody_reads_answers_ENXIO()
    {
        using var scratch = new Scratch();
        Fifo.Create(scratch["f"]);

        var opening = () => Fifo.OpenWriter(scratch["f"]);

        opening.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.ENXIO);
    }

    [Fact]
    public void Open_when_no_fifo_is_refused()
    {
        using var scratch = new Scratch();
        File.WriteAllText(scratch["file"], "");

        var opening = () => Fifo.OpenReader(scratch["file"]);
        var missing = () => Fifo.OpenBoth(scratch["none"]);

        opening.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.EINVAL);
        missing.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.ENOENT);
        File.Exists(scratch["none"]).Should().BeFalse();
    }

    [Fact]
    public async Task Read_when_cancelled_leaves_the_bytes_for_the_next()
    {
        using var scratch = new Scratch();
        Fifo.Create(scratch["f"]);
        using var both = Fifo.OpenBoth(scratch["f"]);
        using var source = new CancellationTokenSource();
        var reading = DescriptorIo.ReadAsync(both, new byte[10], source.Token).AsTask();

        await source.CancelAsync();
        var ended = () => reading.InTime();
        await ended.Should().ThrowAsync<OperationCanceledException>();
        DescriptorIo.Write(both, "later"u8);

        var buffer = new byte[10];
        var read = await DescriptorIo.ReadAsync(both, buffer);
        Encoding.UTF8.GetString(buffer, 0, read).Should().Be("later");
    }
}
