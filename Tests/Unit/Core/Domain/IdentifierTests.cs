using CsCheck;
using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

public sealed class IdentifierTests
{
    private static readonly Gen<string> Odd = Gen.Char["ab09AZ._-/\\ \0\n\u00e4\u2026~"].Array[0, 90]
        .Select(chars => new string(chars));

    [Theory]
    [InlineData("a")]
    [InlineData("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("k8s.io_pod-1.x")]
    public void Parse_when_valid_keeps_the_text(string text)
    {
        ContainerId.Parse(text).Value.Should().Be(text);
        SandboxId.Parse(text).ToString().Should().Be(text);
        ExecId.Parse(text).Value.Should().Be(text);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("../etc")]
    [InlineData("a/../b")]
    [InlineData("a/b")]
    [InlineData("a..b")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("a b")]
    [InlineData("a\n")]
    [InlineData("a\0b")]
    [InlineData("\u00e4")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void Parse_when_invalid_is_refused_and_says_which(string? text)
    {
        foreach (var parse in new Action[] { () => ContainerId.Parse(text), () => SandboxId.Parse(text), () => ExecId.Parse(text) })
            parse.Should().Throw<KataException>()
                .Where(e => e.Kind == ErrorKind.InvalidArgument && e.Message.Contains(" id "));
    }

    [Theory]
    [InlineData("shared")]
    [InlineData("sandbox")]
    [InlineData("watchable")]
    public void Parse_of_a_containers_id_that_names_a_directory_of_ours_is_refused_and_says_so(string text)
    {
        var parse = () => ContainerId.Parse(text);

        parse.Should().Throw<KataException>().Where(
            e => e.Kind == ErrorKind.InvalidArgument && e.Message.Contains(text) && e.Message.Contains("another"));
        ContainerId.ParseOrNull(text).Should().BeNull();
        ExecId.Parse(text).Value.Should().Be(text);
    }

    [Fact]
    public void Parse_of_anything_gives_one_safe_path_segment_or_refuses() => Odd.Sample(text =>
    {
        try
        {
            var id = ContainerId.Parse(text).Value;
            return id == text && id.Length is > 0 and <= 76 && !id.Contains('/') && !id.Contains('\0')
                && id is not ("." or "..")
                && char.IsAsciiLetterOrDigit(id[0]) && char.IsAsciiLetterOrDigit(id[^1]);
        }
        catch (KataException e)
        {
            return e.Kind == ErrorKind.InvalidArgument && !e.Message.Contains('\n');
        }
    }, iter: 2000);

    [Theory]
    [InlineData("", true)]
    [InlineData(null, true)]
    [InlineData("e", false)]
    public void ProcessRef_when_the_exec_is_empty_is_the_init(string? exec, bool isInit) =>
        ProcessRef.Parse("c", exec).IsInit.Should().Be(isInit);

    [Theory]
    [InlineData(0u)]
    [InlineData(65u)]
    [InlineData(uint.MaxValue)]
    public void Signal_when_out_of_range_is_refused(uint number) =>
        FluentActions.Invoking(() => Signal.Parse(number)).Should().Throw<KataException>()
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);

    [Theory]
    [InlineData("/a/b", "/a/b")]
    [InlineData("/a/b/", "/a/b")]
    [InlineData("/", "/")]
    [InlineData("//", "/")]
    [InlineData("/a..b/.c", "/a..b/.c")]
    public void Path_when_absolute_is_taken_without_its_trailing_slash(string text, string path)
    {
        HostPath.Parse(text, "x").Value.Should().Be(path);
        GuestPath.Parse(text, "x").Value.Should().Be(path);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("/a/../b")]
    [InlineData("/..")]
    [InlineData("/a/./b")]
    [InlineData("/a\0")]
    public void Path_when_it_could_lead_elsewhere_is_refused_and_named(string? text) =>
        FluentActions.Invoking(() => HostPath.Parse(text, "the bundle")).Should().Throw<KataException>()
            .Where(e => e.Kind == ErrorKind.InvalidArgument && e.Message.StartsWith("the bundle"));

    [Fact]
    public void Path_when_longer_than_the_kernel_takes_is_refused()
    {
        HostPath.Parse("/" + new string('a', 4094), "x").Value.Length.Should().Be(4095);
        FluentActions.Invoking(() => HostPath.Parse("/" + new string('\u00e4', 2100), "x"))
            .Should().Throw<KataException>();
    }

    [Fact]
    public void Append_of_anything_stays_beneath_or_refuses() => Odd.Sample(text =>
    {
        var root = HostPath.Parse("/run/root", "root");
        try
        {
            var path = root.Append(text).Value;
            return path == root.Value
                || (path.StartsWith("/run/root/", StringComparison.Ordinal) && !path.Split('/').Contains(".."));
        }
        catch (KataException e)
        {
            return e.Kind == ErrorKind.InvalidArgument;
        }
    }, iter: 2000);
}
