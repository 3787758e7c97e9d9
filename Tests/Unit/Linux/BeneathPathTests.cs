using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class BeneathPathTests
{
    [Fact]
    public void Create_open_and_delete_work_beneath_the_root()
    {
        using var scratch = new Scratch();
        using var root = BeneathPath.Open(scratch.Root);

        using (var made = root.CreateDirectory("a/b/c", 0x1C0))
        using (var file = made.CreateFile("f"))
            DescriptorIo.Write(file, "x"u8);
        root.CreateNode("a/fifo", FileStatus.S_IFIFO | 0x180);
        root.CreateLink("a/link", "/etc/passwd");

        File.ReadAllText(scratch["a/b/c/f"]).Should().Be("x");
        using (var a = root.OpenDirectory("a"))
            a.Names().Should().BeEquivalentTo("b", "fifo", "link");
        root.DeleteTree("a").Should().BeTrue();
        root.DeleteTree("a").Should().BeFalse();
        Directory.Exists(scratch["a"]).Should().BeFalse();
        File.Exists("/etc/passwd").Should().BeTrue();
    }

    [Theory]
    [InlineData("../outside/secret")]
    [InlineData("/etc/passwd")]
    [InlineData("escape/secret")]
    [InlineData("inner/../../outside/secret")]
    [InlineData("file-link")]
    [InlineData("loop")]
    public void Open_when_the_path_leads_out_or_over_a_link_is_refused(string path)
    {
        using var scratch = new Scratch();
        Prepare(scratch);
        using var root = BeneathPath.Open(scratch["root"]);

        var opening = () => root.OpenFile(path, OpenFlags.O_RDONLY);

        opening.Should().Throw<LinuxException>().Which.Errno.Should().BeOneOf(Errno.EXDEV, Errno.ELOOP, Errno.ENOTDIR);
    }

    [Theory]
    [InlineData("../outside/new")]
    [InlineData("/tmp/kata-linux-new")]
    [InlineData("escape/new")]
    [InlineData("escape")]
    public void Create_when_the_path_leads_out_or_over_a_link_is_refused(string path)
    {
        using var scratch = new Scratch();
        Prepare(scratch);
        using var root = BeneathPath.Open(scratch["root"]);

        var file = () => root.CreateFile(path);
        var directory = () => root.CreateDirectory(path + "/x");
        var link = () => root.CreateLink(path + "/l", "target");

        file.Should().Throw<LinuxException>();
        if (!path.StartsWith('/'))
        {
            directory.Should().Throw<LinuxException>();
            link.Should().Throw<LinuxException>();
        }
        Directory.GetFileSystemEntries(scratch["outside"]).Should().Equal(scratch["outside/secret"]);
    }

    [Fact]
    public void DeleteTree_when_links_lead_out_removes_the_links_only()
    {
        using var scratch = new Scratch();
        Prepare(scratch);
        using var root = BeneathPath.Open(scratch.Root);

        root.DeleteTree("root").Should().BeTrue();

        Directory.Exists(scratch["root"]).Should().BeFalse();
        File.ReadAllText(scratch["outside/secret"]).Should().Be("secret");
    }

    [Fact]
    public void Delete_through_a_link_is_refused()
    {
        using var scratch = new Scratch();
        Prepare(scratch);
        using var root = BeneathPath.Open(scratch["root"]);

        var deleting = () => root.DeleteFile("escape/secret");
        var tree = () => root.DeleteTree("..");

        deleting.Should().Throw<LinuxException>();
        tree.Should().Throw<LinuxException>();
        File.Exists(scratch["outside/secret"]).Should().BeTrue();
    }

    [Fact]
    public void Open_when_missing_answers_null_or_ENOENT()
    {
        using var scratch = new Scratch();
        using var root = BeneathPath.Open(scratch.Root);

        var opening = () => root.OpenFile("no/such", OpenFlags.O_RDONLY);

        root.TryOpenFile("none", OpenFlags.O_RDONLY).Should().BeNull();
        opening.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.ENOENT);
    }

    private static void Prepare(Scratch scratch)
    {
        Directory.CreateDirectory(scratch["root/inner"]);
        Directory.CreateDirectory(scratch["outside"]);
        File.WriteAllText(scratch["outside/secret"], "secret");
        File.CreateSymbolicLink(scratch["root/escape"], "../outside");
        File.CreateSymbolicLink(scratch["root/file-link"], scratch["outside/secret"]);
        File.CreateSymbolicLink(scratch["root/loop"], "loop");
    }
}
