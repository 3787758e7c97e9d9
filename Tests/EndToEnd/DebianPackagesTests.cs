using FluentAssertions;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>
/// The script that unpacks what the guest and the file daemon are made of, with an apt that is played.
/// </summary>
[Trait("peers", "no")]
public sealed class DebianPackagesTests : IDisposable
{
    // One package whose version is what the file "version" says; the archive is not there while "down" is.
    private const string AptGet =
        """
        #!/bin/sh
        name=tool_$(cat "$PLAYED/version")_amd64.deb
        case "$*" in
            *--print-uris*) echo "'http://archive/$name' $name 1 SHA256:0" ;;
            *' update') [ ! -e "$PLAYED/down" ] ;;
            *) echo > "$name" ;;
        esac
        """;

    private const string DpkgDeb =
        """
        #!/bin/sh
        case $1 in
            -x) mkdir -p "$3/usr/lib/tool" ;;
            *) echo "tool $(cat "$PLAYED/version")" ;;
        esac
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("kata-debian-").FullName;

    public DebianPackagesTests()
    {
        foreach (var (name, script) in new[] { ("apt-get", AptGet), ("dpkg-deb", DpkgDeb) })
        {
            File.WriteAllText(Path.Combine(_folder, name), script);
            File.SetUnixFileMode(Path.Combine(_folder, name), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
    }

    private string Stamp => Path.Combine(_folder, "packages", ".stamp");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Packages_that_Debian_has_mended_are_unpacked_anew_the_next_day()
    {
        (await UnpackAsync("1.0-1")).Should().Be("tool 1.0-1\n");
        (await UnpackAsync("1.0-2")).Should().Be("tool 1.0-1\n", "Debian is asked once a day");

        File.SetLastWriteTimeUtc(Stamp, DateTime.UnixEpoch);

        (await UnpackAsync("1.0-2")).Should().Be("tool 1.0-2\n");
    }

    [Fact]
    public async Task Packages_that_are_there_stay_while_Debian_cannot_be_asked()
    {
        await UnpackAsync("1.0-1");
        File.SetLastWriteTimeUtc(Stamp, DateTime.UnixEpoch);
        await File.WriteAllTextAsync(Path.Combine(_folder, "down"), "");

        (await UnpackAsync("1.0-2")).Should().Be("tool 1.0-1\n");
    }

    [Fact]
    public async Task Packages_are_found_by_their_old_places_too()
    {
        await UnpackAsync("1.0-1");

        Directory.Exists(Path.Combine(_folder, "packages", "root", "lib", "tool")).Should().BeTrue();
    }

    /// <summary>Unpacks with this version in Debian; gives what is then unpacked.</summary>
    private async Task<string> UnpackAsync(string version)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "version"), version);
        var packages = Path.Combine(_folder, "packages");
        (await Command.RunAsync(
            Path.Combine(Repository.Root, "Apps", "Agent", "image", "debian.sh"), ["trixie", packages, "tool"],
            environment: new Dictionary<string,
            string>
            { ["PATH"] = $"{_folder}:/usr/bin:/bin", ["PLAYED"] = _folder })).Exited(0);
        return await File.ReadAllTextAsync(Path.Combine(packages, "versions"));
    }
}
