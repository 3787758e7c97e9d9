using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Storage;

namespace Kata.Adapters.Guest.Volumes;

/// <summary>The document of a direct-assigned volume, as storage plugins write it.</summary>
internal sealed record MountInfoFile
{
    private const int LongestWord = 256;
    private const int MaxOptions = 64;
    private static readonly string[] Types = ["block", "blk", "raw", "directvol"];
    private static readonly string[] FileSystems = ["ext2", "ext3", "ext4", "xfs", "btrfs", "erofs", "squashfs", "vfat",
        "iso9660"];
    private static readonly string[] Metadata = ["fsGroup", "fsGroupChangePolicy", "createFilesystem", "encryptionKey"];

    [JsonPropertyName("volume-type")]
    public string VolumeType { get; init; } = "";

    [JsonPropertyName("device")]
    public string Device { get; init; } = "";

    [JsonPropertyName("fstype")]
    public string FsType { get; init; } = "";

    [JsonPropertyName("metadata")]
    public Dictionary<string, string>? Entries { get; init; }

    [JsonPropertyName("options")]
    public List<string>? Options { get; init; }

    /// <summary>The volume, or an InvalidArgument failure that begins with <paramref name="what"/>.</summary>
    public static DirectVolume Parse(ReadOnlySpan<byte> json, HostPath directory, string what)
    {
        MountInfoFile file;
        try
        {
            file = JsonSerializer.Deserialize(json, VolumesJson.Default.MountInfoFile)
                ?? throw Invalid(what, "is null");
        }
        catch (JsonException e)
        {
            throw Invalid(what, $"is not valid: {e.Message}");
        }

        return file.Check(directory, what);
    }

    private static KataException Invalid(string what, string why) => new(ErrorKind.InvalidArgument, $"{what} {why}");

    private DirectVolume Check(HostPath directory, string what)
    {
        if (!Types.Contains(VolumeType))
            throw Invalid(
                what, $"has volume-type \"{Cut(VolumeType)}\"; this runtime knows {string.Join(", ", Types)}");
        if (!FileSystems.Contains(FsType))
            throw Invalid(what, $"has fstype \"{Cut(FsType)}\"; this runtime knows {string.Join(", ", FileSystems)}");
        if ((Options ?? []).Count > MaxOptions
            || (Options ?? [])
                .Any(o => o is null || o.Length is 0 or > LongestWord || o.Any(c => c is ',' or '\0' or '\n')))
            throw Invalid(what, "has options that are no list of single words");
        var entries = Entries ?? [];
        if (entries.Keys.FirstOrDefault(key => !Metadata.Contains(key)) is { } unknown)
            throw Invalid(what, $"has metadata \"{Cut(unknown)}\", which this runtime does not know");
        if (entries.ContainsKey("encryptionKey"))
            throw Invalid(what, "asks for an encrypted volume, for which the guest has no key service");
        var create = entries.GetValueOrDefault("createFilesystem") is { } wish && wish != "false";
        if (create && FsType != "ext4")
            throw Invalid(what, $"asks for a new filesystem of type {FsType}; the guest makes ext4 alone");
        return new DirectVolume(directory, HostPath.Parse(Device, $"device of {what}"), FsType, Options ?? [])
        {
            CreateFilesystem = create,
            Group = Group(entries, what),
        };
    }

    private static VolumeGroup? Group(Dictionary<string, string> entries, string what)
    {
        if (!entries.TryGetValue("fsGroup", out var text))
            return null;
        if (!uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var group)
            || group == uint.MaxValue)
            throw Invalid(what, "has an fsGroup that is no group id");
        return new VolumeGroup(group, entries.GetValueOrDefault("fsGroupChangePolicy") switch
        {
            null or "" or "Always" => false,
            "OnRootMismatch" => true,
            _ => throw Invalid(what, "has an fsGroupChangePolicy that is neither Always nor OnRootMismatch"),
        });
    }

    private static string Cut(string text) => text.Length > 40 ? text[..40] : text;
}

/// <summary>Documents of volumes.</summary>
[JsonSourceGenerationOptions(MaxDepth = 8)]
[JsonSerializable(typeof(MountInfoFile))]
internal sealed partial class VolumesJson : JsonSerializerContext;
