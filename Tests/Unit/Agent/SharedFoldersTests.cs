using FluentAssertions;
using Kata.Apps.Agent.Storage;
using Kata.Platform.Linux;
using Kata.Tests.Unit.Linux;
using Xunit;

namespace Kata.Tests.Unit.Agent;

/// <summary>Folders of the share; a mount stands for the one that the guest's kernel makes of each.</summary>
[Collection("kernel")]
public sealed class SharedFoldersTests : IDisposable
{
    private readonly Scratch _scratch = new();
    private readonly SharedFolders _folders;

    public SharedFoldersTests()
    {
        Directory.CreateDirectory(Folder);
        _folders = new SharedFolders(_scratch["share"]);
    }

    private string Folder => _scratch["share/vol"];

    public void Dispose() => _scratch.Dispose();

    [RootFact]
    public void Leave_when_the_last_container_goes_takes_the_folders_mount_away_and_what_is_mounted_below()
    {
        Mounts.Mount("tmpfs", Folder, "tmpfs");
        Directory.CreateDirectory(_scratch["share/vol/below"]);
        Mounts.Mount("tmpfs", _scratch["share/vol/below"], "tmpfs");
        _folders.Enter("a", [Folder, "/elsewhere"]);
        _folders.Enter("b", [Folder]);

        _folders.Leave("a");
        var afterFirst = Mounts.IsMountPoint(Folder);
        _folders.Leave("b");

        afterFirst.Should().BeTrue();
        Mounts.IsMountPoint(Folder).Should().BeFalse();
        MountInfo.IsAnyBelow(Folder).Should().BeFalse();
    }

    [RootFact]
    public void Leave_when_repeated_or_of_a_stranger_takes_nothing_from_others()
    {
        Mounts.Mount("tmpfs", Folder, "tmpfs");
        _folders.Enter("a", [Folder]);
        _folders.Enter("b", [Folder]);

        _folders.Leave("a");
        _folders.Leave("a");
        _folders.Leave("stranger");

        Mounts.IsMountPoint(Folder).Should().BeTrue();
    }
}
