using System.Globalization;

namespace Kata.Apps.Agent.Storage;

/// <summary>
/// The <c>name=value</c> words among a storage's options. One word may hold several, separated by commas.
/// </summary>
internal static class StorageOptions
{
    /// <summary>The last value given, or null.</summary>
    public static string? Value(IEnumerable<string> words, string name)
    {
        string? found = null;
        foreach (var word in words.SelectMany(w => w.Split(',')))
        {
            if (IsNamed(word, name))
            {
                found = word[(name.Length + 1)..];
            }
        }

        return found;
    }

    /// <summary>
    /// As <see cref="Value"/>, in decimal. Null if absent; throws <see cref="FormatException"/> for what is no number.
    /// </summary>
    public static ulong? Number(IEnumerable<string> words, string name)
    {
        if (Value(words, name) is not { } text)
        {
            return null;
        }

        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new FormatException($"storage option {name}='{text}' is not a number");
    }

    /// <summary>
    /// Permission bits in octal. Null if absent; throws <see cref="FormatException"/> for anything else.
    /// </summary>
    public static uint? Mode(IEnumerable<string> words)
    {
        if (Value(words, "mode") is not { } text)
        {
            return null;
        }

        uint mode = 0;
        foreach (var digit in text)
        {
            if (digit is < '0' or > '7' || mode > 0x1FF)
            {
                throw new FormatException($"storage option mode='{text}' is not an octal mode");
            }

            mode = (mode * 8) + (uint)(digit - '0');
        }

        return mode;
    }

    /// <summary>The words without those of one name, which the kernel would not understand.</summary>
    public static IReadOnlyList<string> Without(IEnumerable<string> words, string name) =>
        [.. words.SelectMany(w => w.Split(',')).Where(word => !IsNamed(word, name))];

    private static bool IsNamed(string word, string name) =>
        word.Length > name.Length && word[name.Length] == '=' && word.StartsWith(name, StringComparison.Ordinal);
}
