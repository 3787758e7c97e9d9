using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kata.Adapters.Qemu.Qmp;

/// <summary>One line from QEMU: greeting, reply or event.</summary>
internal sealed record QmpMessage
{
    [JsonPropertyName("QMP")]
    public QmpGreeting? Greeting { get; init; }

    [JsonPropertyName("id")]
    public long? Id { get; init; }

    [JsonPropertyName("return")]
    public JsonElement? Return { get; init; }

    [JsonPropertyName("error")]
    public QmpError? Error { get; init; }

    [JsonPropertyName("event")]
    public string? Event { get; init; }

    [JsonPropertyName("data")]
    public JsonElement? Data { get; init; }
}

/// <summary>What QEMU says first.</summary>
internal sealed record QmpGreeting([property: JsonPropertyName("version")] QmpVersion? Version);

/// <summary>The version in a greeting.</summary>
internal sealed record QmpVersion([property: JsonPropertyName("qemu")] QmpVersionNumber? Qemu);

/// <summary>QEMU's version.</summary>
internal sealed record QmpVersionNumber(
    [property: JsonPropertyName("major")] int Major,
    [property: JsonPropertyName("minor")] int Minor,
    [property: JsonPropertyName("micro")] int Micro)
{
    public override string ToString() => $"{Major}.{Minor}.{Micro}";
}

/// <summary>A refusal. The class is one of a few; all else is in the text.</summary>
internal sealed record QmpError(
    [property: JsonPropertyName("class")] string? Class,
    [property: JsonPropertyName("desc")] string? Description);

/// <summary>Something that happened in QEMU.</summary>
/// <param name="Name">Such as SHUTDOWN or DEVICE_DELETED.</param>
/// <param name="Data">Its data, if it has any.</param>
internal sealed record QmpEvent(string Name, JsonElement? Data);
