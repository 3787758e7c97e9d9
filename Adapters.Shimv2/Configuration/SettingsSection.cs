using System.Globalization;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Tomlyn.Model;

namespace Kata.Adapters.Shimv2.Configuration;

/// <summary>
/// One table of a configuration file. Every key that is asked for becomes a known one; <see cref="Finish"/> refuses the
/// rest. Failures name the file and the key.
/// </summary>
internal sealed class SettingsSection(string source, string name, TomlTable table) : ISettingsSection
{
    private readonly List<string> _known = [];

    /// <summary>The file and the table, for messages.</summary>
    private string Key(string key) => name.Length == 0 ? key : $"{name}.{key}";

    public string Text(string key, string absent) => Take(key) switch
    {
        null => absent,
        string text => text,
        var other => throw WrongType(key, "a string", other),
    };

    public IReadOnlyList<string> Words(string key) => SettingsWords.Split(Text(key, ""));

    public string FilePath(string key, string absent)
    {
        var path = Text(key, absent);
        return path.Length == 0 || path[0] == '/'
            ? path
            : throw Invalid(key, $"must be an absolute path, not \"{path}\"");
    }

    public bool Switch(string key, bool absent) => Take(key) switch
    {
        null => absent,
        bool value => value,
        var other => throw WrongType(key, "true or false", other),
    };

    public int Number(string key, int absent, int least, int most) => Take(key) switch
    {
        null => absent,
        long value => InRange(key, value, least, most),
        var other => throw WrongType(key, "a whole number", other),
    };

    public int NumberRoundedUp(string key, int absent, int least, int most) => Take(key) switch
    {
        null => absent,
        long value => InRange(key, value, least, most),
        double value when double.IsFinite(value) => InRange(
            key, (long)Math.Ceiling(Math.Clamp(value, int.MinValue, int.MaxValue)), least, most),
        var other => throw WrongType(key, "a number", other),
    };

    /// <summary>A time in seconds; 0 stands for the default.</summary>
    public TimeSpan Seconds(string key, TimeSpan absent) =>
        Number(key, 0, 0, (int)TimeSpan.FromDays(1).TotalSeconds) is > 0 and var seconds
            ? TimeSpan.FromSeconds(seconds)
            : absent;

    public IReadOnlyList<string> Texts(string key) => Take(key) switch
    {
        null => [],
        TomlArray array => [.. array.Select(item => item as string ?? throw WrongType(key, "a list of strings", item))],
        var other => throw WrongType(key, "a list of strings", other),
    };

    public T Choice<T>(string key, T absent, params ReadOnlySpan<(string Word, T Value)> choices)
    {
        if (Take(key) is not { } given)
            return absent;
        var word = given as string ?? throw WrongType(key, "a string", given);
        var words = new List<string>();
        foreach (var choice in choices)
        {
            if (choice.Word == word)
                return choice.Value;
            words.Add($"\"{choice.Word}\"");
        }

        throw Invalid(key, $"must be one of {string.Join(", ", words)}, not \"{word}\"");
    }

    /// <summary>A table inside; null if it is absent.</summary>
    public TomlTable? Table(string key) => Take(key) switch
    {
        null => null,
        TomlTable inner => inner,
        var other => throw WrongType(key, "a table", other),
    };

    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
            Take(key);
    }

    public void RequireDisabled(object off, params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            if (Take(key) is { } given && !given.Equals(off) && !(off is "" && given is TomlArray { Count: 0 }))
                throw NotSupported(key);
        }
    }

    public void RequireOneOf(string key, params ReadOnlySpan<string> off)
    {
        if (Take(key) is { } given && !(given is string text && off.Contains(text)))
            throw NotSupported(key);
    }

    /// <summary>Refuses what nobody asked for.</summary>
    public void Finish()
    {
        foreach (var key in table.Keys)
        {
            if (!_known.Contains(key))
                throw new KataException(
                    ErrorKind.InvalidArgument,
                    $"{source}: unknown key {Key(key)}; "
                    + $"the nearest known one is {Key(EditDistance.Nearest(key, _known))}");
        }
    }

    public KataException Invalid(string key, string why) =>
        new(ErrorKind.InvalidArgument, $"{source}: {Key(key)} {why}");

    private KataException NotSupported(string key) =>
        Invalid(key, "is not supported by this version; take the line out or leave it off");

    private object? Take(string key)
    {
        _known.Add(key);
        return table.TryGetValue(key, out var value) ? value : null;
    }

    private int InRange(string key, long value, int least, int most) => value >= least && value <= most
        ? (int)value
        : throw Invalid(
            key, string.Create(CultureInfo.InvariantCulture, $"must be between {least} and {most}, not {value}"));

    private KataException WrongType(string key, string wanted, object? given) =>
        Invalid(key, $"must be {wanted}, not {Describe(given)}");

    private static string Describe(object? value) => value switch
    {
        string => "a string",
        bool => "true or false",
        long => "a whole number",
        double => "a number with a fraction",
        TomlArray => "a list",
        TomlTable or TomlTableArray => "a table",
        _ => "a date or time",
    };
}
