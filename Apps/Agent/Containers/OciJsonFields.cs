using System.Text.Json;
using Google.Protobuf.Collections;

namespace Kata.Apps.Agent.Containers;

/// <summary>Fields of crun's JSON that are left out while they are empty, which is "not set" on the wire.</summary>
internal static class OciJsonFields
{
    public static void WriteMap(this Utf8JsonWriter json, string name, MapField<string, string> map)
    {
        if (map.Count == 0)
        {
            return;
        }

        json.WriteStartObject(name);
        foreach (var (key, value) in map)
        {
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }

    public static void WriteTexts(this Utf8JsonWriter json, string name, RepeatedField<string> texts)
    {
        if (texts.Count == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    public static void WriteText(this Utf8JsonWriter json, string name, string text)
    {
        if (text.Length > 0)
        {
            json.WriteString(name, text);
        }
    }

    public static void WriteNonZero(this Utf8JsonWriter json, string name, long value)
    {
        if (value != 0)
        {
            json.WriteNumber(name, value);
        }
    }
}
