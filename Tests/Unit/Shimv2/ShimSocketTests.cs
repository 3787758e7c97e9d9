using System.Text;
using FluentAssertions;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Core.Domain;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

public sealed class ShimSocketTests : IDisposable
{
    private readonly string _root = Path.Combine(Directory.CreateTempSubdirectory("s").FullName, "s");

    private string SocketPath => Path.Combine(_root, "socket");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_root)!, recursive: true);

    [Theory]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")]
    public void HexOf_gives_the_published_digests(string text, string expected)
    {
        Sha256.HexOf(Encoding.UTF8.GetBytes(text)).Should().Be(expected);
    }

    [Fact]
    public void HexOf_agrees_with_the_class_library_at_every_length()
    {
        for (var length = 0; length < 200; length++)
        {
            var bytes = new byte[length];
            new Random(length).NextBytes(bytes);

            Sha256.HexOf(bytes)
                .Should().Be(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)));
        }
    }

    [Theory]
    [InlineData("/run/containerd/containerd.sock", "default", "busybox",
        "3646bf529360b2d2555bc0d946ef2fb07e38596749e16cccbd778773b61a6f3c")]
    [InlineData("/run//containerd/x/../containerd.sock/", "default", "busybox",
        "3646bf529360b2d2555bc0d946ef2fb07e38596749e16cccbd778773b61a6f3c")]
    [InlineData("", "default", "c1", "3a4ba0ad328f407b30cccb555302fc1c4c73e1d92d16d2583787f9faddf320ca")]
    [InlineData("/run/k3s/containerd/containerd.sock", "k8s.io", "3f2a",
        "72de25fd6e3fe61caa5ad9a561684c4ad0be6270d05c8af9f6b685f84f815a95")]
    public void PathOf_hashes_the_cleaned_join(string address, string ns, string id, string digest)
    {
        ShimSocket.PathOf(ShimSocket.DefaultRoot, address, ns, id).Should().Be($"/run/containerd/s/{digest}");
    }

    [Fact]
    public void PathOf_when_the_path_is_longer_than_a_socket_address_is_refused()
    {
        var longest = "/" + new string('d', 40);

        ShimSocket.PathOf(longest, "a", "b", "c").Should().HaveLength(106);
        FluentActions.Invoking(() => ShimSocket.PathOf(longest + "d", "a", "b", "c"))
            .Should().Throw<KataException>().Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Theory]
    [InlineData("/a/b", "/a", "b")]
    [InlineData("/b", "/a", "../b")]
    [InlineData("/b", "/..", "b")]
    [InlineData("../b", "..", "b")]
    [InlineData("a", "", "a", "")]
    [InlineData(".", "a", "..")]
    [InlineData("")]
    public void Join_cleans(string expected, params string[] parts)
    {
        ShimSocket.Join(parts).Should().Be(expected);
    }

    [Fact]
    public void Bind_makes_directory_and_socket_ours_alone()
    {
        using var listener = ShimSocket.Bind(SocketPath);

        FileStatus.Of(_root).Permissions.Should().Be(0x1C0);
        FileStatus.Of(SocketPath).Should().Match<FileStatus>(s => s.IsSocket && s.Permissions == 0x180);
        ShimSocket.IsAlive(SocketPath).Should().BeTrue();
    }

    [Fact]
    public void Bind_when_a_living_shim_listens_leaves_it_alone()
    {
        using var living = ShimSocket.Bind(SocketPath);

        ShimSocket.Bind(SocketPath).Should().BeNull();
        ShimSocket.IsAlive(SocketPath).Should().BeTrue();
    }

    [Fact]
    public void Bind_when_a_dead_one_left_its_socket_replaces_it()
    {
        ShimSocket.Bind(SocketPath)!.Dispose();
        File.Exists(SocketPath).Should().BeTrue();
        ShimSocket.IsAlive(SocketPath).Should().BeFalse();

        using var listener = ShimSocket.Bind(SocketPath);

        listener.Should().NotBeNull();
        ShimSocket.IsAlive(SocketPath).Should().BeTrue();
    }

    [Fact]
    public void Bind_when_several_find_a_dead_ones_socket_gives_it_to_one_that_lives()
    {
        for (var round = 0; round < 300; round++)
        {
            ShimSocket.Bind(SocketPath)!.Dispose();

            var bound = new SafeFileHandle?[4];
            using (var together = new Barrier(bound.Length))
            {
                Parallel.For(0, bound.Length, new ParallelOptions { MaxDegreeOfParallelism = bound.Length }, i =>
                {
                    together.SignalAndWait(TimeSpan.FromSeconds(10));
                    bound[i] = ShimSocket.Bind(SocketPath);
                });
            }

            bound.OfType<SafeFileHandle>().Should().ContainSingle();
            ShimSocket.IsAlive(SocketPath).Should().BeTrue();
            foreach (var handle in bound)
                handle?.Dispose();
        }
    }

    [Fact]
    public void Bind_when_a_plain_file_is_in_the_way_replaces_it()
    {
        Directory.CreateDirectory(_root);
        File.WriteAllText(SocketPath, "");

        using var listener = ShimSocket.Bind(SocketPath);

        listener.Should().NotBeNull();
    }

    [Fact]
    public void Unlink_of_what_is_gone_succeeds()
    {
        ShimSocket.Unlink(SocketPath);
        ShimSocket.Unlink("/nonexistent/directory/socket");
    }

    [Theory]
    [InlineData("unix:///run/s", "/run/s")]
    [InlineData("unix://", null)]
    [InlineData("/run/s", null)]
    public void PathIn_reads_our_own_addresses(string address, string? path)
    {
        ShimSocket.PathIn(address).Should().Be(path);
    }
}
