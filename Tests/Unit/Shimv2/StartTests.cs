using System.Text;
using CsCheck;
using FluentAssertions;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Platform.Protos.Containerd.Bootstrap;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

/// <summary>What start reads, and what it answers to whom.</summary>
public sealed class StartTests : IDisposable
{
    private const string Address = "unix:///run/containerd/s/abc";
    private static readonly ShimArguments Arguments = new()
    {
        Id = "c1",
        Namespace = "default",
        Action = ShimAction.Start
    };
    private readonly string _bundle = Directory.CreateTempSubdirectory("bundle").FullName;

    public void Dispose() => Directory.Delete(_bundle, recursive: true);

    [Fact]
    public void Answer_when_nothing_came_is_the_plain_address()
    {
        Answer([]).Should().Equal(Encoding.UTF8.GetBytes(Address));
    }

    [Fact]
    public void Answer_when_options_came_is_the_plain_address()
    {
        var options = new Any
        {
            TypeUrl = "runtimeoptions.v1.Options",
            Value = ByteString.CopyFromUtf8("\u0012\u0002/x")
        };

        Answer(options.ToByteArray()).Should().Equal(Encoding.UTF8.GetBytes(Address));
    }

    [Fact]
    public void Answer_when_parameters_came_is_a_result_of_version_3()
    {
        var answer = BootstrapResult.Parser.ParseFrom(
            Answer(new BootstrapParams { InstanceId = "c1", Namespace = "default" }.ToByteArray()));

        answer.Should().Be(new BootstrapResult { Version = 3, Address = Address, Protocol = "ttrpc" });
    }

    [Theory]
    [InlineData("c2", "default")]
    [InlineData("c1", "other")]
    public void Answer_when_parameters_of_somebody_else_came_is_the_plain_address(string id, string ns)
    {
        Answer(new BootstrapParams { InstanceId = id, Namespace = ns }.ToByteArray())
            .Should().Equal(Encoding.UTF8.GetBytes(Address));
    }

    [Fact]
    public void Answer_of_a_result_has_no_white_space_at_its_ends()
    {
        // Daemons 2.3.0 to 2.3.3 trim it off.
        var answer = Answer(new BootstrapParams { InstanceId = "c1", Namespace = "default" }.ToByteArray());

        char.IsWhiteSpace((char)answer[0]).Should().BeFalse();
        char.IsWhiteSpace((char)answer[^1]).Should().BeFalse();
    }

    [Fact]
    public void Read_of_any_bytes_never_fails()
    {
        Gen.Byte.Array[0, 200].Sample(bytes => { StartInput.Read(bytes, Arguments); });
    }

    [Fact]
    public void Classify_when_there_is_no_config_is_a_sandbox_of_its_own()
    {
        Classify(null).Should().Be((ContainerKind.Single, "c1"));
    }

    [Fact]
    public void Classify_without_annotations_is_a_sandbox_of_its_own()
    {
        Classify("""{"ociVersion":"1.0.2","process":{"args":["annotations"]}}""")
            .Should().Be((ContainerKind.Single, "c1"));
    }

    [Theory]
    [InlineData("io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id")]
    [InlineData("io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID")]
    [InlineData("io.kubernetes.docker.type", "io.kubernetes.sandbox.id")]
    public void Classify_of_a_pods_container_names_the_pods_sandbox(string typeKey, string sandboxKey)
    {
        Classify(
            $$$"""{"linux":{"annotations":{"x":"y"}},"annotations":{"{{{typeKey}}}":"container","{{{sandboxKey}}}":"pod1","n":1}}""")
            .Should().Be((ContainerKind.PodContainer, "pod1"));
    }

    [Fact]
    public void Classify_of_a_pods_sandbox_is_itself()
    {
        Classify(
            """{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-id":"c1"}}""")
            .Should().Be((ContainerKind.PodSandbox, "c1"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"annotations\":{")]
    [InlineData("{\"annotations\":{\"a\":\"\\x\"}}")]
    public void Classify_of_a_broken_config_is_refused(string json)
    {
        var classify = () => Classify(json);

        classify.Should().Throw<KataException>().Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public void Classify_of_a_sandbox_id_that_leaves_its_directory_is_refused()
    {
        var classify = () => Classify(
            """{"annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"../../etc"}}""");

        classify.Should().Throw<KataException>().Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public void Write_leaves_the_text_alone_and_nothing_beside_it()
    {
        BundleFiles.Write(_bundle, BundleFiles.Address, Address);
        BundleFiles.Write(_bundle, BundleFiles.Address, Address);

        Directory.GetFileSystemEntries(_bundle).Should().ContainSingle();
        File.ReadAllBytes(Path.Combine(_bundle, "address")).Should().Equal(Encoding.UTF8.GetBytes(Address));
        BundleFiles.ReadAddress(_bundle).Should().Be(Address);
    }

    private static byte[] Answer(byte[] input) => StartAnswer.For(StartInput.Read(input, Arguments), Address);

    private (ContainerKind Kind, string Sandbox) Classify(string? json)
    {
        if (json is not null)
            File.WriteAllText(Path.Combine(_bundle, "config.json"), json);
        var (kind, sandbox) = BundleFiles.Classify(_bundle, "c1");
        return (kind, sandbox.Value);
    }
}
