using FluentAssertions;
using Kata.Apps.Agent.Storage;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public sealed class HugePagesTests : IDisposable
{
    private readonly string _pools = Directory.CreateTempSubdirectory("kata-pages-").FullName;

    private string Pool => Path.Combine(_pools, "hugepages-2048kB", "nr_hugepages");

    public HugePagesTests()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Pool)!);
        File.WriteAllText(Pool, "1\n");
    }

    public void Dispose() => Directory.Delete(_pools, recursive: true);

    [Fact]
    public void Reserve_when_others_have_pages_adds_to_theirs_and_release_takes_its_own_away()
    {
        var pages = new HugePages(_pools);

        pages.Reserve(["pagesize=2097152,size=8388608"]);
        pages.Reserve(["pagesize=2097152,size=4194304"]);
        File.ReadAllText(Pool).Trim().Should().Be("7");
        pages.Release(["pagesize=2097152,size=8388608"]);

        File.ReadAllText(Pool).Trim().Should().Be("3");
    }

    [Theory]
    [InlineData("size=8388608")]
    [InlineData("pagesize=2097152")]
    public void Reserve_without_size_of_a_page_or_of_all_is_refused(string options)
    {
        FluentActions.Invoking(() => new HugePages(_pools).Reserve([options])).Should().Throw<FormatException>();

        File.ReadAllText(Pool).Trim().Should().Be("1");
    }

    [Fact]
    public void Reserve_when_the_guest_has_no_pages_of_that_size_is_refused() =>
        FluentActions.Invoking(() => new HugePages(_pools).Reserve(["pagesize=1073741824,size=1073741824"]))
            .Should().Throw<IOException>();
}
