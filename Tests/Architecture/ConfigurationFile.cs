using System.Text.RegularExpressions;

namespace Kata.Tests.Architecture;

/// <summary>The configuration file as shipped: its keys, also those whose lines are comments.</summary>
internal sealed partial class ConfigurationFile(string text)
{
    /// <summary>The one of the repository.</summary>
    public static ConfigurationFile Shipped { get; } = new(Repository.Read("Apps/Shim/packaging/configuration.toml"));

    /// <summary>The keys, with their table's name.</summary>
    public IReadOnlyList<string> Keys { get; } = [.. Lines(text).Select(line => line.Key).OfType<string>()];

    /// <summary>The values shown, by key.</summary>
    public string ValueOf(string key) =>
        KeyLine().Match(Lines(text).First(line => line.Key == key).Text).Groups["value"].Value;

    /// <summary>The text with every key but <paramref name="key"/> as it is, and that one set.</summary>
    public string With(string key, string value) => string.Join('\n', Lines(text).Select(line => line.Key == key
        ? KeyLine().Replace(line.Text, match => $"{match.Groups["name"].Value} = {value}")
        : line.Text));

    /// <summary>The text without a key.</summary>
    public ConfigurationFile Without(string key) =>
        new(string.Join('\n', Lines(text).Where(line => line.Key != key).Select(line => line.Text)));

    private static IEnumerable<(string Text, string? Key)> Lines(string text)
    {
        var table = "";
        foreach (var line in text.Split('\n'))
        {
            if (Table().Match(line) is { Success: true } begin)
                table = begin.Groups[1].Value;
            yield return (
                line, KeyLine().Match(line) is { Success: true } key ? $"{table}.{key.Groups["name"].Value}" : null);
        }
    }

    [GeneratedRegex(@"^\[(.+)\]$")]
    private static partial Regex Table();

    [GeneratedRegex(@"^(# )?(?<name>[a-z_]+) = (?<value>\S.*)$")]
    private static partial Regex KeyLine();
}
