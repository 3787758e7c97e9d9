using System.Globalization;
using System.Text;
using CsCheck;
using FluentAssertions;
using Kata.Platform.Linux.Supervision;
using Xunit;

namespace Kata.Tests.Unit.Linux.Supervision;

public sealed class UntrustedTextTests
{
    [Theory]
    [InlineData("\e[31mred\e[0m", "red")]
    [InlineData("\e]0;title\a", "0;title")]
    [InlineData("a\tb\bc\u202Ed", "a bcd")]
    [InlineData("\e[", "")]
    [InlineData("\e", "")]
    [InlineData("one\u2028two\u2029three\u0085four", "one two three four")]
    [InlineData("one\r\ntwo\n", "one  two")]
    [InlineData("tag\U000E0041ged", "tagged")]
    [InlineData("naïve 日本 🙂", "naïve 日本 🙂")]
    public void Clean_when_text_would_drive_a_terminal_or_break_a_line_takes_that_out(string text, string expected) =>
        UntrustedText.Clean(text, max: 512).Should().Be(expected);

    [Theory]
    [InlineData("12345", "12345")]
    [InlineData("123456", "12345…")]
    [InlineData("12345\a", "12345")]
    [InlineData("1234🙂", "1234…")]
    public void Clean_when_text_is_longer_than_it_may_be_says_so(string text, string expected) =>
        UntrustedText.Clean(text, max: 5).Should().Be(expected);

    [Fact]
    public void Clean_when_text_has_half_a_pair_puts_the_sign_for_damage_in_its_place() =>
        UntrustedText.Clean("half \uD800 pair", max: 512).Should().Be("half \uFFFD pair");

    [Fact]
    public void Quote_when_text_has_an_end_of_line_stays_on_one() =>
        UntrustedText.Quote("OK\nERR").Should().Be("\"OK ERR\"");

    [Fact]
    public void Clean_when_given_anything_leaves_only_what_is_read_and_stays_within_its_bound() =>
        Gen.Char.Array[0, 300].Sample(characters =>
        {
            var clean = UntrustedText.Clean(characters, max: 100);
            return clean.Length <= 101 && clean.EnumerateRunes().All(rune => Rune.GetUnicodeCategory(rune) is not (
                UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate));
        });
}
