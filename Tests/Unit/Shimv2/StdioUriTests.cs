using CsCheck;
using FluentAssertions;
using Kata.Adapters.Shimv2.Stdio;
using Kata.Core.Domain;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

public sealed class StdioUriTests
{
    [Theory]
    [InlineData("", StdioScheme.None, "")]
    [InlineData("/run/fifo/a b-stdout", StdioScheme.Fifo, "/run/fifo/a b-stdout")]
    [InlineData("/run/100%25/x?y", StdioScheme.Fifo, "/run/100%25/x?y")]
    [InlineData("fifo:///run/f", StdioScheme.Fifo, "/run/f")]
    [InlineData("file:///var/log/a%20b.log", StdioScheme.File, "/var/log/a b.log")]
    [InlineData("binary-v2:///bin/log", StdioScheme.BinaryV2, "/bin/log")]
    internal void Parse_reads_scheme_and_path(string text, StdioScheme scheme, string path)
    {
        StdioUri.Parse(text, "standard output").Should().BeEquivalentTo(new StdioUri(scheme, path, []));
    }

    [Fact]
    public void Parse_of_a_query_gives_keys_and_values_in_turn()
    {
        var uri = StdioUri.Parse("binary:///bin/log?id=a%26b&flag&empty=&x=1+2", "standard output");

        uri.Scheme.Should().Be(StdioScheme.Binary);
        uri.Arguments.Should().Equal("id", "a&b", "flag", "empty", "x", "1 2");
    }

    [Theory]
    [InlineData("relative")]
    [InlineData("npipe:////./pipe/x")]
    [InlineData("file://host")]
    [InlineData("://")]
    public void Parse_of_anything_else_is_refused_and_names_the_stream(string text)
    {
        var parse = () => StdioUri.Parse(text, "standard output");

        parse.Should().Throw<KataException>().WithMessage("standard output*")
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public void Parse_of_any_text_reads_or_refuses()
    {
        Gen.String.Sample(text =>
        {
            try
            {
                StdioUri.Parse(text, "standard output");
            }
            catch (KataException)
            {
                // A refusal is an answer.
            }
        });
    }
}
