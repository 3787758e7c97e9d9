using System.Text;
using FluentAssertions;
using Kata.Adapters.Guest.Volumes;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>Announcements of direct-assigned volumes. Needs root, who alone is believed.</summary>
[Trait("category", "real")]
public sealed class DirectVolumesTests : DirectVolumesContract, IDisposable
{
    private const string Good = """
        {"volume-type":"block","device":"/dev/sdb","fstype":"ext4","options":["ro"],
         "metadata":{"fsGroup":"3000","fsGroupChangePolicy":"OnRootMismatch","createFilesystem":"true"}}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("direct").FullName;
    private readonly DirectVolumes _volumes;

    public DirectVolumesTests() =>
        _volumes = new DirectVolumes { Root = HostPath.Parse($"{_folder}/direct-volumes", "root") };

    protected override IDirectVolumes Port => _volumes;

    private string OfVolume => Directory.GetDirectories($"{_folder}/direct-volumes").Single();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Volume_when_added_is_read_to_the_last_field_and_is_root_s_alone()
    {
        await AddAsync(Good);

        var volume = await _volumes.FindAsync(Path, default);

        volume!.Device.Value.Should().Be("/dev/sdb");
        volume.FsType.Should().Be("ext4");
        volume.Options.Should().Equal("ro");
        volume.Group.Should().Be(new VolumeGroup(3000, true));
        volume.CreateFilesystem.Should().BeTrue();
        System.IO.Path.GetFileName(OfVolume).Should().Be(
            Convert.ToBase64String(Encoding.UTF8.GetBytes(Path.Value)).Replace('+', '-').Replace('/', '_'));
        File.GetUnixFileMode(OfVolume)
            .Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.GetUnixFileMode($"{OfVolume}/mountInfo.json").Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public async Task Mark_is_an_empty_file_of_the_sandboxes_name()
    {
        await AddAsync(Good);

        await _volumes.MarkAsync((await _volumes.FindAsync(Path, default))!, SandboxId.Parse("pod1"), default);

        new FileInfo($"{OfVolume}/pod1").Length.Should().Be(0);
    }

    [Theory]
    [InlineData("{", "not valid")]
    [InlineData("""{"volume-type":"spdkvol","device":"/dev/sdb","fstype":"ext4"}""", "spdkvol")]
    [InlineData("""{"volume-type":"block","device":"sdb","fstype":"ext4"}""", "absolute")]
    [InlineData("""{"volume-type":"block","device":"/dev/../etc","fstype":"ext4"}""", "..")]
    [InlineData("""{"volume-type":"block","device":"/dev/sdb","fstype":"9p"}""", "9p")]
    [InlineData("""{"volume-type":"block","device":"/dev/sdb","fstype":"ext4","options":["a,b"]}""", "options")]
    [InlineData("""{"volume-type":"block","device":"/dev/sdb","fstype":"ext4","metadata":{"fsGroup":"-1"}}""",
        "fsGroup")]
    [InlineData("""{"volume-type":"block","device":"/dev/sdb","fstype":"ext4","metadata":{"encryptionKey":"ephemeral"}}""", "encrypted")]
    [InlineData("""{"volume-type":"block","device":"/dev/sdb","fstype":"xfs","metadata":{"createFilesystem":"true"}}""",
        "xfs")]
    [InlineData("""{"volume-type":"block","device":"/dev/sdb","fstype":"ext4","metadata":{"other":"1"}}""", "other")]
    public async Task Document_that_is_wrong_is_refused_when_added_and_when_read(string json, string named)
    {
        (await FluentActions.Awaiting(() => AddAsync(json)).Should().ThrowAsync<KataException>())
            .Which.Should().Match<KataException>(
            e => e.Kind == ErrorKind.InvalidArgument && e.Message.Contains(named));

        await AddAsync(Good);
        File.WriteAllText($"{OfVolume}/mountInfo.json", json);
        (await FindFailureAsync())
            .Should().Match<KataException>(e => e.Kind == ErrorKind.InvalidArgument && e.Message.Contains(named));
    }

    [Fact]
    public async Task Document_when_too_large_is_not_read()
    {
        await AddAsync(Good);
        File.WriteAllText($"{OfVolume}/mountInfo.json", Good + new string(' ', 70_000));

        (await FindFailureAsync()).Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Announcement_that_others_could_have_written_is_not_believed(bool directory)
    {
        await AddAsync(Good);
        File.SetUnixFileMode(directory ? OfVolume : $"{OfVolume}/mountInfo.json", (UnixFileMode)0x1FF);

        (await FindFailureAsync()).Kind.Should().Be(ErrorKind.PermissionDenied);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Announcement_that_is_a_link_is_not_followed(bool directory)
    {
        await AddAsync(Good);
        var real = directory ? OfVolume : $"{OfVolume}/mountInfo.json";
        var elsewhere = $"{_folder}/elsewhere";
        Directory.Move(real, elsewhere);
        File.CreateSymbolicLink(real, elsewhere);

        (await FindFailureAsync()).Kind.Should().Be(ErrorKind.PermissionDenied);
    }

    protected override Task AnnounceAsync(HostPath path, string device) => _volumes.AddAsync(
        path,
        Encoding.UTF8.GetBytes($$"""{"volume-type":"block","device":"{{device}}","fstype":"ext4"}"""), default);

    private Task AddAsync(string json)
    {
        try
        {
            return _volumes.AddAsync(Path, Encoding.UTF8.GetBytes(json), default);
        }
        catch (KataException e)
        {
            return Task.FromException(e);
        }
    }

    private async Task<KataException> FindFailureAsync() =>
        (await FluentActions.Awaiting(() => _volumes.FindAsync(Path, default)).Should().ThrowAsync<KataException>())
            .Which;
}
