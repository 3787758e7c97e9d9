using System.Text;
using FluentAssertions;
using Kata.Adapters.Shimv2.Logging;
using Kata.Platform.Linux;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

public sealed class ContainerdLogTests : IDisposable
{
    private readonly string _bundle = Directory.CreateTempSubdirectory("bundle").FullName;

    private string FifoPath => Path.Combine(_bundle, "log");

    public void Dispose() => Directory.Delete(_bundle, recursive: true);

    [Fact]
    public void Log_writes_a_line_in_logrus_format()
    {
        Fifo.Create(FifoPath);
        using var reader = Fifo.OpenReader(FifoPath);
        using var log = new ContainerdLog(ContainerdLog.OpenFifo(_bundle), debug: false, TimeProvider.System);
        log.SetScopeProvider(new LoggerExternalScopeProvider());
        var logger = log.CreateLogger("x");

        using (logger.BeginScope(new Dictionary<string, object?> { ["sandbox"] = "s1" }))
            logger.LogWarning(new InvalidOperationException("a\nb"), "said \"{What}\"", "it\\");
        logger.LogDebug("not this");

        Read(reader).Should().MatchRegex(
            """^time="\d{4}-\d\d-\d\dT[\d:.]+Z" level=warning msg="said \\"it\\\\\\"" error="a\\nb" sandbox="s1"\n$""");
    }

    [Fact]
    public void Log_when_nobody_reads_loses_nothing_but_the_line()
    {
        Fifo.Create(FifoPath);
        var reader = Fifo.OpenReader(FifoPath);
        using var log = new ContainerdLog(ContainerdLog.OpenFifo(_bundle), debug: true, TimeProvider.System);
        reader.Dispose();

        log.CreateLogger("x").LogDebug("one");

        log.Kept.Should().ContainSingle().Which.Should().Contain("msg=\"one\"");
    }

    [Fact]
    public void Log_when_the_reader_stalls_does_not_wait()
    {
        Fifo.Create(FifoPath);
        using var reader = Fifo.OpenReader(FifoPath);
        using var log = new ContainerdLog(ContainerdLog.OpenFifo(_bundle), debug: false, TimeProvider.System);
        var logger = log.CreateLogger("x");

        for (var i = 0; i < 100; i++)
            logger.LogInformation("{Text}", new string('x', 5000));

        log.Kept.Should().HaveCount(64);
        Read(reader).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Should().OnlyContain(line => line.StartsWith("time=") && line.EndsWith('"'));
    }

    [Fact]
    public void OpenFifo_when_there_is_none_gives_none()
    {
        ContainerdLog.OpenFifo(_bundle).Should().BeNull();
        Fifo.Create(FifoPath);
        ContainerdLog.OpenFifo(_bundle).Should().BeNull("nobody reads it");
    }

    private static string Read(System.Runtime.InteropServices.SafeHandle reader)
    {
        var all = new MemoryStream();
        var buffer = new byte[65536];
        int count;
        while ((count = DescriptorIo.TryRead(reader, buffer)) > 0)
            all.Write(buffer, 0, count);
        return Encoding.UTF8.GetString(all.ToArray());
    }
}
