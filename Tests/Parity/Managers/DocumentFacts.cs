using System.Text.Json;
using System.Text.Json.Nodes;

namespace Kata.Tests.Parity.Managers;

/// <summary>What a document sets, a line each: fields by their path, entries of lists by what they are of.</summary>
internal static class DocumentFacts
{
    // Lists of words whose entries count; in others, such as arguments, it counts that there are some.
    private static readonly string[] Words =
        ["options", "bounding", "effective", "permitted", "inheritable", "ambient"];

    // What an entry of a list is known by; the first that it has.
    private static readonly string[] Keys = ["destination", "path", "type"];

    /// <summary>The facts. An empty list, an empty group and a false are as good as nothing.</summary>
    public static SortedSet<string> Of(JsonNode document)
    {
        var facts = new SortedSet<string>(StringComparer.Ordinal);
        Add(facts, "", document);
        return facts;
    }

    private static void Add(SortedSet<string> facts, string path, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject fields:
                foreach (var (name, value) in fields)
                    Add(facts, path.Length == 0 ? name : $"{path}.{name}", value);
                break;
            case JsonArray { Count: > 0 } list when list[0] is JsonObject:
                foreach (var entry in list.OfType<JsonObject>())
                    Add(facts, $"{path}[{KeyOf(path, entry)}]", entry);
                break;
            case JsonArray { Count: > 0 } list when Words.Contains(path.Split('.')[^1]):
                facts.UnionWith(list.Select(word => $"{path} {word}"));
                break;
            case JsonArray { Count: 0 }:
            case JsonValue value when value.GetValueKind() is JsonValueKind.False or JsonValueKind.Null:
            case null:
                break;
            default:
                facts.Add(path);
                break;
        }
    }

    private static string KeyOf(string path, JsonObject entry)
    {
        var isNamespace = path.EndsWith("namespaces", StringComparison.Ordinal);
        var key = isNamespace ? "type" : Keys.FirstOrDefault(entry.ContainsKey);
        return key is null ? "" : (string)entry[key]!;
    }
}
