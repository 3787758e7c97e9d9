using System.Net.Sockets;
using FluentAssertions;
using Kata.Adapters.Guest.Volumes;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>The files of this host. Needs root, for a mount.</summary>
[Trait("category", "real")]
public sealed class HostFilesTests : HostFilesContract, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("files").FullName;
    private readonly HostFiles _files = new();

    protected override IHostFiles Port => _files;

    protected override string Folder => _folder;

    public void Dispose()
    {
        Mounts.UnmountTree(_folder);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Look_tells_kinds_apart_and_follows_links()
    {
        File.WriteAllText($"{_folder}/file", "x");
        File.CreateSymbolicLink($"{_folder}/link", "file");
        File.CreateSymbolicLink($"{_folder}/kernel", "/proc/sys");
        File.CreateSymbolicLink($"{_folder}/dangling", "nowhere");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint($"{_folder}/sock"));

        (await LookAsync("file"))!.Kind.Should().Be(HostFileKind.File);
        (await LookAsync("link"))!.RealPath.Value.Should().Be($"{_folder}/file");
        (await LookAsync("link"))!.Identity.Should().Be((await LookAsync("file"))!.Identity);
        (await LookAsync("kernel"))!.RealPath.Value.Should().Be("/proc/sys");
        (await LookAsync("sock"))!.Kind.Should().Be(HostFileKind.Socket);
        (await LookAsync(""))!.Kind.Should().Be(HostFileKind.Directory);
        (await LookAsync("dangling")).Should().BeNull();
        (await LookAsync("file/below")).Should().BeNull();
        (await _files.LookAsync(HostPath.Parse("/dev/null", "p"), default))!
            .Should().Match<HostFile>(
                f => f.Kind == HostFileKind.CharacterDevice && f.Number == new DeviceNumber(1, 3));
    }

    [Fact]
    public async Task Look_when_links_go_in_a_circle_is_refused()
    {
        File.CreateSymbolicLink($"{_folder}/a", "b");
        File.CreateSymbolicLink($"{_folder}/b", "a");

        (await FluentActions.Awaiting(() => LookAsync("a")).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public async Task Look_tells_the_filesystem_and_its_options_and_what_of_it_a_bind_shows()
    {
        Directory.CreateDirectory($"{_folder}/tmpfs");
        Directory.CreateDirectory($"{_folder}/part");
        Mounts.Mount("tmpfs", $"{_folder}/tmpfs", "tmpfs", MountFlags.None, "size=1m");
        Directory.CreateDirectory($"{_folder}/tmpfs/a/b");
        Mounts.Bind($"{_folder}/tmpfs/a/b", $"{_folder}/part");

        var whole = (await LookAsync("tmpfs"))!;
        (whole.FsType, whole.IsMountPoint, whole.MountRoot).Should().Be(("tmpfs", true, "/"));
        whole.FsOptions.Should().Contain("size=1024k");
        (await LookAsync("tmpfs/a"))!.IsMountPoint.Should().BeFalse();
        var part = (await LookAsync("part"))!;
        (part.FsType, part.IsMountPoint, part.MountRoot).Should().Be(("tmpfs", true, "/a/b"));
    }

    [Fact]
    public async Task Has_mounts_when_one_lies_below_and_not_when_it_is_one_itself_or_beside()
    {
        foreach (var name in (string[])["with/inner", "without", "with-more"])
            Directory.CreateDirectory($"{_folder}/{name}");
        Mounts.Mount("tmpfs", $"{_folder}/with/inner", "tmpfs");

        (await HasMountsAsync("with")).Should().BeTrue();
        (await HasMountsAsync("with/inner")).Should().BeFalse();
        (await HasMountsAsync("without")).Should().BeFalse();
        (await HasMountsAsync("with-more")).Should().BeFalse();

        Task<bool> HasMountsAsync(string name) => _files.HasMountsAsync(
            HostPath.Parse($"{_folder}/{name}", "path"), default);
    }

    [Fact]
    public async Task Count_goes_into_folders_and_follows_no_link()
    {
        Directory.CreateDirectory($"{_folder}/d/e");
        for (var i = 0; i < 5; i++)
            File.WriteAllText($"{_folder}/d/e/{i}", "");
        File.CreateSymbolicLink($"{_folder}/d/..data", "e");

        (await _files.CountAsync(HostPath.Parse($"{_folder}/d", "d"), 8, default)).Should().Be(6);
        (await _files.CountAsync(HostPath.Parse($"{_folder}/d", "d"), 3, default)).Should().Be(4);
    }

    [Fact]
    public async Task Look_when_the_filesystem_does_not_answer_is_given_up_and_names_the_path()
    {
        using var stalled = new StalledFilesystem($"{_folder}/stalled");
        foreach (var name in (string[])["stalled", "stalled/below"])
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

            var look = () => _files.LookAsync(HostPath.Parse($"{_folder}/{name}", "path"), limit.Token);

            (await look.Should().ThrowAsync<KataException>().WithMessage($"{_folder}/{name}, which*does not answer*"))
                .Which.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        }
    }

    [Fact]
    public async Task Block_device_is_found_by_its_number_alone()
    {
        if (!File.Exists("/sys/dev/block/7:0/uevent"))
            return;

        var node = await _files.FindBlockDeviceAsync(new DeviceNumber(7, 0), default);

        if (node is not null)
            (await _files.LookAsync(node, default))!.Should().Match<HostFile>(
                f => f.Kind == HostFileKind.BlockDevice && f.Identity == "block 7:0");
        (await _files.FindBlockDeviceAsync(new DeviceNumber(4000, 1), default)).Should().BeNull();
    }

    protected override void Make(string name, HostFileKind kind, int files = 0)
    {
        if (kind == HostFileKind.File)
            File.WriteAllText($"{_folder}/{name}", "");
        else
            Directory.CreateDirectory($"{_folder}/{name}");
        for (var i = 0; i < files; i++)
            File.WriteAllText($"{_folder}/{name}/{i}", "");
    }

    protected override void MakeNothing(string name)
    {
    }

    protected override void MountBelow(string name)
    {
        Directory.CreateDirectory($"{_folder}/{name}/inner");
        Mounts.Mount("tmpfs", $"{_folder}/{name}/inner", "tmpfs");
    }

    protected override IDisposable Stall(string name) => new StalledFilesystem($"{_folder}/{name}");
}
