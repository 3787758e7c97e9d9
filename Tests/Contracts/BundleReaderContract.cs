using System.Text;
using FluentAssertions;
using Kata.Adapters.Guest.Bundles;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IBundleReader"/> keeps to.</summary>
public abstract class BundleReaderContract
{
    protected abstract IBundleReader Reader { get; }

    /// <summary>A bundle that runs one program.</summary>
    protected abstract HostPath Bundle(string program);

    [Fact]
    public async Task Read_when_there_gives_the_specification() =>
        (await Reader.ReadAsync(Bundle("sh"), default)).Process!.Args.Should().Equal("sh");

    [Fact]
    public async Task Read_when_missing_is_refused_and_names_the_bundle()
    {
        var failure = await Reader.Invoking(r => r.ReadAsync(HostPath.Parse("/no/such/bundle", "bundle"), default))
            .Should().ThrowAsync<KataException>();

        failure.Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Which.Message.Should().Contain("/no/such/bundle")
            .And.NotContainEquivalentOf("no such file or directory");
    }

    [Fact]
    public void Documents_when_empty_are_refused()
    {
        Reader.Invoking(r => r.ReadProcess(default)).Should().Throw<KataException>()
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        Reader.Invoking(r => r.ReadResources(default)).Should().Throw<KataException>()
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }
}

/// <summary>The bundles of the harness.</summary>
public sealed class BundleReaderHarnessTests : BundleReaderContract
{
    private readonly HarnessBundles _bundles = new(new HarnessHost());

    protected override IBundleReader Reader => _bundles;

    protected override HostPath Bundle(string program)
    {
        var path = HostPath.Parse("/bundles/box", "bundle");
        _bundles.Specs[path] = new OciSpec { Process = new OciProcess { Args = [program] } };
        return path;
    }
}

/// <summary>Bundles on disk.</summary>
public sealed class BundleReaderFileTests : BundleReaderContract, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bundle").FullName;

    protected override IBundleReader Reader { get; } = new BundleReader();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Read_when_fields_are_unknown_carries_them_through()
    {
        var spec = await Reader.ReadAsync(
            Write(
                """{"ociVersion":"1.2.0","x":{"y":1},"linux":{"intelRdt":{"closID":"a"}},"process":{"args":["a"],"ioPriority":{}}}"""), default);

        spec.Other!["x"].GetProperty("y").GetInt32().Should().Be(1);
        spec.Linux!.Other!.Should().ContainKey("intelRdt");
        spec.Process!.Other!.Should().ContainKey("ioPriority");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"process":{"args":"sh"}}""")]
    [InlineData("""{"process":{"user":{"uid":-1}}}""")]
    public async Task Read_when_broken_is_refused_and_says_where(string json)
    {
        var failure = await Reader.Invoking(r => r.ReadAsync(Write(json), default))
            .Should().ThrowAsync<KataException>();

        failure.Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Which.Message.Should().Contain("config.json");
    }

    [Fact]
    public void Documents_at_random_are_read_or_refused()
    {
        var random = new Random(1);
        for (var i = 0; i < 2000; i++)
        {
            var text = Encoding.UTF8.GetBytes(
                """{"terminal":true,"args":["a","b"],"env":["A=1"],"user":{"uid":0,"additionalGids":[1]},"rlimits":[{"type":"R","hard":1,"soft":1}]}""");
            for (var change = random.Next(1, 4); change > 0; change--)
                text[random.Next(text.Length)] = (byte)random.Next(256);
            try
            {
                Reader.ReadProcess(text);
            }
            catch (KataException e)
            {
                e.Kind.Should().Be(ErrorKind.InvalidArgument);
            }
        }
    }

    protected override HostPath Bundle(string program) => Write("{\"process\":{\"args\":[\"" + program + "\"]}}");

    private HostPath Write(string json)
    {
        File.WriteAllText($"{_folder}/config.json", json);
        return HostPath.Parse(_folder, "bundle");
    }
}
