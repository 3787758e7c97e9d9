using System.Text.Json.Serialization;

namespace Kata.Adapters.Qemu.Qmp;

/// <summary>
/// Arguments of <c>netdev_add</c> for a tap: one that QEMU opens by its name, or the names of descriptors that it has.
/// </summary>
internal sealed record AddTap(
    [property: JsonPropertyName("id")] string Id,
    [property: JsonPropertyName("ifname")] string? Interface,
    [property: JsonPropertyName("vhost")] bool Vhost,
    [property: JsonPropertyName("queues")] int? Queues)
{
    [JsonPropertyName("type")]
    public string Type { get; } = "tap";

    [JsonPropertyName("script")]
    public string? Script => Interface is null ? null : "no";

    [JsonPropertyName("downscript")]
    public string? DownScript => Interface is null ? null : "no";

    [JsonPropertyName("fds")]
    public string? Descriptors { get; init; }
}

/// <summary>A name for a descriptor, as <c>getfd</c> and <c>closefd</c> want it.</summary>
internal sealed record ByDescriptorName([property: JsonPropertyName("fdname")] string Name);

/// <summary>
/// Arguments of <c>device_add</c>; types are strict since QEMU 9.2, and a slot is a string of hex digits.
/// </summary>
internal sealed record AddDevice(
    [property: JsonPropertyName("driver")] string Driver,
    [property: JsonPropertyName("id")] string Id)
{
    [JsonPropertyName("bus")]
    public string? Bus { get; init; }

    [JsonPropertyName("addr")]
    public string? Address { get; init; }

    [JsonPropertyName("romfile")]
    public string? RomFile { get; init; }

    [JsonPropertyName("netdev")]
    public string? Netdev { get; init; }

    [JsonPropertyName("mac")]
    public string? Mac { get; init; }

    [JsonPropertyName("mq")]
    public bool? MultiQueue { get; init; }

    [JsonPropertyName("vectors")]
    public int? Vectors { get; init; }

    [JsonPropertyName("drive")]
    public string? Drive { get; init; }

    [JsonPropertyName("serial")]
    public string? Serial { get; init; }

    [JsonPropertyName("memdev")]
    public string? Memory { get; init; }
}

/// <summary>Arguments of <c>blockdev-add</c> for raw storage.</summary>
internal sealed record AddStorage(
    [property: JsonPropertyName("node-name")] string NodeName,
    [property: JsonPropertyName("read-only")] bool ReadOnly,
    [property: JsonPropertyName("file")] StorageFile File)
{
    [JsonPropertyName("driver")]
    public string Driver { get; } = "raw";
}

/// <summary>What raw storage lies in.</summary>
internal sealed record StorageFile(
    [property: JsonPropertyName("driver")] string Driver,
    [property: JsonPropertyName("filename")] string Path,
    [property: JsonPropertyName("read-only")] bool ReadOnly);

/// <summary>Arguments of <c>object-add</c> for memory that daemons can map.</summary>
internal sealed record AddMemory(
    [property: JsonPropertyName("id")] string Id,
    [property: JsonPropertyName("size")] long Bytes)
{
    [JsonPropertyName("qom-type")]
    public string Type { get; } = "memory-backend-memfd";

    [JsonPropertyName("share")]
    public bool Share { get; } = true;
}

/// <summary>An id, as <c>device_del</c>, <c>netdev_del</c> and <c>object-del</c> want it.</summary>
internal sealed record ById([property: JsonPropertyName("id")] string Id);

/// <summary>Arguments of <c>block_resize</c>.</summary>
internal sealed record ResizeStorage(
    [property: JsonPropertyName("node-name")] string NodeName, [property: JsonPropertyName("size")] long Bytes);

/// <summary>A node name, as <c>blockdev-del</c> wants it.</summary>
internal sealed record ByNodeName([property: JsonPropertyName("node-name")] string NodeName);
