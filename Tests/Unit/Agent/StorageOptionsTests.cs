using FluentAssertions;
using Kata.Apps.Agent.Storage;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public class StorageOptionsTests
{
    [Fact]
    public void Value_when_words_are_joined_by_commas_finds_each()
    {
        string[] words = ["pagesize=2097152,size=4194304", "mode=0777"];

        StorageOptions.Number(words, "pagesize").Should().Be(2097152);
        StorageOptions.Number(words, "size").Should().Be(4194304);
        StorageOptions.Mode(words).Should().Be(0x1FF);
    }

    [Fact]
    public void Value_when_a_name_only_begins_another_does_not_find_it() =>
        StorageOptions.Value(["pagesize=4"], "page").Should().BeNull();

    [Theory]
    [InlineData("mode=9")]
    [InlineData("mode=")]
    [InlineData("mode=777777777777777777")]
    public void Mode_when_it_is_not_octal_is_refused_or_absent(string word)
    {
        var read = () => StorageOptions.Mode([word]);

        if (word == "mode=")
            read().Should().Be(0);
        else
            read.Should().Throw<FormatException>();
    }

    [Fact]
    public void Number_when_it_is_none_says_which_option()
    {
        var read = () => StorageOptions.Number(["fsgid=staff"], "fsgid");

        read.Should().Throw<FormatException>().WithMessage("*fsgid='staff'*");
    }

    [Fact]
    public void Without_keeps_the_other_words() =>
        StorageOptions.Without(["size=64M", "fsgid=5", "noexec"], "fsgid").Should().Equal("size=64M", "noexec");
}
