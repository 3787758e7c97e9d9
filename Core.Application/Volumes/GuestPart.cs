using System.Globalization;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>
/// A part of a volume, which the guest finds beneath it and shows at a place of its own. Containers may write in the
/// volume: a path into it would be followed out of it by a link that one of them has put there.
/// </summary>
internal static class GuestPart
{
    /// <summary>Where parts are shown; no container writes there.</summary>
    public static readonly GuestPath Places = GuestPath.Parse("/run/kata-containers/sandbox/parts", "parts of volumes");

    /// <summary>A part that is there.</summary>
    public static GuestMount Found(GuestPath volume, string below, GuestPath place) => Part(volume, below, place, []);

    /// <summary>
    /// A part that is made as the host has it, if the containers have not made it yet: they may have made it a file.
    /// </summary>
    public static GuestMount Made(GuestPath volume, string below, HostFile found, GuestPath place) =>
        Part(volume, below, place,
    [
        found.Kind == HostFileKind.Directory ? "make=directory" : "make=file",
        $"mode={Octal(found.Permissions)}",
        string.Create(CultureInfo.InvariantCulture, $"uid={found.UserId}"),
        string.Create(CultureInfo.InvariantCulture, $"gid={found.GroupId}"),
    ]);

    /// <summary>Permissions in the way of mount options.</summary>
    public static string Octal(uint permissions) => Convert.ToString(permissions, 8).PadLeft(4, '0');

    private static GuestMount Part(GuestPath volume, string below, GuestPath place, IReadOnlyList<string> options) =>
        new()
        {
            Driver = "part",
            Source = volume.Value,
            FsType = "bind",
            MountPoint = place,
            DriverOptions = [$"below={below}", .. options],
        };
}
