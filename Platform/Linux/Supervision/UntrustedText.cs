using System.Globalization;
using System.Text;

namespace Kata.Platform.Linux.Supervision;

/// <summary>
/// Text that a guest, a VMM or a daemon wrote, made fit for a log, a terminal or a sentence: on one line, bounded, and
/// with nothing in it that is obeyed rather than read.
/// </summary>
public static class UntrustedText
{
    private const int MaxQuoted = 200;

    /// <summary>The text between quotation marks, cleaned.</summary>
    public static string Quote(ReadOnlySpan<char> text, int max = MaxQuoted) => $"\"{Clean(text, max)}\"";

    /// <summary>
    /// Without escape sequences, control and format characters; a tab or the end of a line is a blank, none at the end.
    /// At most
    /// <paramref name="max"/> characters, and an ellipsis if there were more.
    /// </summary>
    public static string Clean(ReadOnlySpan<char> text, int max)
    {
        var clean = new StringBuilder(Math.Min(text.Length, max) + 1);
        Span<char> read = stackalloc char[2];
        while (!text.IsEmpty)
        {
            // By runes: the characters beyond the first 65536 have invisible ones among them too.
            Rune.DecodeFromUtf16(text, out var rune, out var length);
            if (rune.Value == '\e')
                length = EscapeLength(text);
            else if (IsBlank(rune) || IsRead(rune))
            {
                if (clean.Length + rune.Utf16SequenceLength > max)
                    return clean.Append('…').ToString();
                clean.Append(IsBlank(rune) ? " " : read[..rune.EncodeToUtf16(read)]);
            }
            text = text[length..];
        }
        return clean.ToString().TrimEnd();
    }

    private static bool IsBlank(Rune rune) =>
        rune.Value is '\t' or '\n' or '\v' or '\f' or '\r' or '\u0085'
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    private static bool IsRead(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format);

    /// <summary>
    /// The length of the sequence that begins here: ESC [ parameters final, or ESC and one character.
    /// </summary>
    private static int EscapeLength(ReadOnlySpan<char> text)
    {
        if (text.Length < 2 || text[1] != '[')
            return Math.Min(text.Length, 2);
        for (var i = 2; i < text.Length; i++)
        {
            if (text[i] is >= '@' and <= '~')
                return i + 1;
        }
        return text.Length;
    }
}
