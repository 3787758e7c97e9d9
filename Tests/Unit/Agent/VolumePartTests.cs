using FluentAssertions;
using Kata.Apps.Agent.Storage;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Agent;

/// <summary>Parts of a volume in which somebody hostile writes.</summary>
public sealed class VolumePartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("part").FullName;

    public VolumePartTests()
    {
        Directory.CreateDirectory(Volume);
        Directory.CreateDirectory(Outside);
    }

    private string Volume => Path.Combine(_folder, "volume");

    private string Outside => Path.Combine(_folder, "outside");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("x")]
    [InlineData("x/inner")]
    public void Open_when_a_container_has_put_a_link_on_the_way_is_refused_and_changes_nothing(string below)
    {
        File.CreateSymbolicLink(Path.Combine(Volume, "x"), Outside);
        var before = FileStatus.Of(Outside).Permissions;

        var act = () => VolumePart.Open(Volume, [$"below={below}", "make=directory", "mode=0777"]);

        act.Should().Throw<IOException>().WithMessage($"{below} leads through a link*");
        FileStatus.Of(Outside).Permissions.Should().Be(before);
        Directory.EnumerateFileSystemEntries(Outside).Should().BeEmpty();
    }

    [Theory]
    [InlineData("below=../outside")]
    [InlineData("below=a/../../outside")]
    public void Open_when_the_path_leads_out_is_refused(string below)
    {
        Directory.CreateDirectory(Path.Combine(Volume, "a"));

        FluentActions.Invoking(() => VolumePart.Open(Volume, [below])).Should().Throw<IOException>();
    }

    [Fact]
    public void Open_when_a_folder_is_missing_makes_it_with_those_above_as_told()
    {
        using var part = VolumePart.Open(Volume, ["below=a/b,c", "make=directory", "mode=2775"]);

        var status = FileStatus.Of(part);
        status.Inode.Should().Be(FileStatus.Of(Path.Combine(Volume, "a/b,c")).Inode);
        (status.IsDirectory, status.Permissions).Should().Be((true, 0x5FDu));
        FileStatus.Of(Path.Combine(Volume, "a")).Permissions.Should().Be(0x5FD);
    }

    [Fact]
    public void Open_when_a_file_is_missing_makes_it_and_folders_that_can_be_entered()
    {
        using var part = VolumePart.Open(Volume, ["below=a/file", "make=file", "mode=0640"]);

        (FileStatus.Of(part).IsRegular, FileStatus.Of(part).Permissions).Should().Be((true, 0x1A0u));
        FileStatus.Of(Path.Combine(Volume, "a")).Permissions.Should().Be(0x1E8);
    }

    [Fact]
    public void Open_when_a_container_has_made_it_already_takes_it_as_it_is()
    {
        var file = Path.Combine(Volume, "log");
        File.WriteAllText(file, "line");
        Nodes.ChangeMode(file, 0x180);

        using var part = VolumePart.Open(Volume, ["below=log", "make=directory", "mode=0777"]);

        (FileStatus.Of(part).IsRegular, FileStatus.Of(part).Permissions, File.ReadAllText(file))
            .Should().Be((true, 0x180u, "line"));
    }

    [Fact]
    public void Open_when_it_is_missing_and_not_to_be_made_says_so() =>
        FluentActions.Invoking(() => VolumePart.Open(Volume, ["below=gone"])).Should().Throw<LinuxException>()
            .Which.Errno.Should().Be(Errno.ENOENT);
}
