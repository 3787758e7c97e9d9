using CsCheck;
using FluentAssertions;
using Kata.Adapters.Shimv2.Bootstrap;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

public sealed class ShimArgumentsTests
{
    [Fact]
    public void Parse_of_containerds_start_line_reads_every_flag()
    {
        var arguments = ShimArguments.Parse(
            ["-namespace", "k8s.io", "-address", "/run/containerd/containerd.sock", "-publish-binary",
                "/usr/bin/containerd", "-id", "c1", "-debug", "start"]);

        arguments.Should().Be(new ShimArguments
        {
            Namespace = "k8s.io",
            Address = "/run/containerd/containerd.sock",
            PublishBinary = "/usr/bin/containerd",
            Id = "c1",
            Debug = true,
            Action = ShimAction.Start,
        });
    }

    [Fact]
    public void Parse_of_cri_os_empty_address_takes_the_empty_word_as_the_value()
    {
        var arguments = ShimArguments.Parse(
            ["-namespace", "default", "-address", "", "-publish-binary", "/usr/bin/crio", "-id", "c1", "start"]);

        arguments.Address.Should().BeEmpty();
        arguments.PublishBinary.Should().Be("/usr/bin/crio");
        arguments.Action.Should().Be(ShimAction.Start);
    }

    [Theory]
    [InlineData("--namespace", "n")]
    [InlineData("-namespace=n")]
    [InlineData("--namespace=n")]
    public void Parse_when_a_flag_is_written_the_other_way_means_the_same(params string[] words)
    {
        ShimArguments.Parse([.. words, "delete"])
            .Should().Match<ShimArguments>(a => a.Namespace == "n" && a.Action == ShimAction.Delete);
    }

    [Theory]
    [InlineData("-debug=false", false)]
    [InlineData("-debug=T", true)]
    [InlineData("-debug=1", true)]
    public void Parse_of_a_switch_with_a_value_reads_it(string word, bool expected)
    {
        ShimArguments.Parse([word]).Debug.Should().Be(expected);
    }

    [Theory]
    [InlineData(ShimAction.Serve)]
    [InlineData(ShimAction.Info, "-info")]
    [InlineData(ShimAction.Features, "features")]
    [InlineData(ShimAction.Version, "-v")]
    [InlineData(ShimAction.Version, "-version")]
    [InlineData(ShimAction.Start, "-id", "c1", "start", "-id", "c2")]
    [InlineData(ShimAction.Start, "--", "start")]
    internal void Parse_finds_the_action(ShimAction expected, params string[] words)
    {
        ShimArguments.Parse(words).Action.Should().Be(expected);
    }

    [Fact]
    public void Parse_ends_at_the_action()
    {
        ShimArguments.Parse(["-id", "c1", "start", "-id", "c2"]).Id.Should().Be("c1");
    }

    [Theory]
    [InlineData("flag provided but not defined: -colour", "-colour", "start")]
    [InlineData("flag needs an argument: -id", "-id")]
    [InlineData("bad flag syntax: ---id", "---id")]
    [InlineData("bad flag syntax: -=", "-=")]
    [InlineData("invalid boolean value \"maybe\" for -debug", "-debug=maybe")]
    [InlineData("unknown action: stop", "stop")]
    public void Parse_of_a_wrong_line_is_refused_with_the_reason(string reason, params string[] words)
    {
        var parse = () => ShimArguments.Parse(words);

        parse.Should().Throw<UsageException>().WithMessage(reason);
    }

    [Fact]
    public void Parse_of_any_words_reads_or_refuses()
    {
        Gen.OneOf(
            Gen.String, Gen.Const("-id"), Gen.Const("--id="), Gen.Const("-debug"), Gen.Const("start"), Gen.Const("-"),
            Gen.Const("--"), Gen.Const("---")).Array[0, 8].Sample(words =>
        {
            try
            {
                ShimArguments.Parse(words);
            }
            catch (UsageException)
            {
                // A refusal is an answer.
            }
        });
    }
}
