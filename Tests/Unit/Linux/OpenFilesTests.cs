using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class OpenFilesTests
{
    [Fact]
    public void Raise_gives_what_the_process_may_have()
    {
        var (soft, hard) = OpenFiles.Get();
        OpenFiles.Set(hard - 1, hard);
        try
        {
            OpenFiles.Raise().Should().Be(hard);

            OpenFiles.Get().Should().Be((hard, hard));
        }
        finally
        {
            OpenFiles.Set(soft, hard);
        }
    }
}
