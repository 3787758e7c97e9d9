using Kata.Core.Domain;

namespace Kata.Core.Application.Settings;

/// <summary>
/// One table of a configuration, read key by key. Every key that is asked for is a known one from then on; whoever
/// hands the table out refuses the rest. A value of the wrong type or out of its bounds is an InvalidArgument failure
/// that names file and key.
/// </summary>
public interface ISettingsSection
{
    /// <summary>A text.</summary>
    string Text(string key, string absent);

    /// <summary>A text's words: they part at blanks, except within quotation marks, which stay.</summary>
    IReadOnlyList<string> Words(string key);

    /// <summary>A path, absolute or empty.</summary>
    string FilePath(string key, string absent);

    /// <summary>A switch.</summary>
    bool Switch(string key, bool absent);

    /// <summary>A whole number within bounds.</summary>
    int Number(string key, int absent, int least, int most);

    /// <summary>A number that may have a fraction, which counts as a whole.</summary>
    int NumberRoundedUp(string key, int absent, int least, int most);

    /// <summary>A list of texts.</summary>
    IReadOnlyList<string> Texts(string key);

    /// <summary>One word of a few.</summary>
    T Choice<T>(string key, T absent, params ReadOnlySpan<(string Word, T Value)> choices);

    /// <summary>Keys that change nothing here, whatever they say.</summary>
    void Ignore(params ReadOnlySpan<string> keys);

    /// <summary>
    /// Keys of an ability that is lacking: only the value that leaves it off is taken. An empty list counts as an empty
    /// text.
    /// </summary>
    void RequireDisabled(object off, params ReadOnlySpan<string> keys);

    /// <summary>A key of an ability that is lacking, and which several texts leave off.</summary>
    void RequireOneOf(string key, params ReadOnlySpan<string> off);

    /// <summary>A failure at a key, which its text goes on from.</summary>
    KataException Invalid(string key, string why);
}
