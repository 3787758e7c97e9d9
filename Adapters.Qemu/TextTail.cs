using System.Globalization;
using System.Text;

namespace Kata.Adapters.Qemu;

/// <summary>
/// The last of a stream of text that somebody else writes, bounded in bytes, lines and line length. What comes out has
/// no control characters: a terminal that shows it cannot be driven by it.
/// </summary>
internal sealed class TextTail(int maxBytes = 64 * 1024, int maxLines = 40)
{
    private const int FirstBuffer = 2048;
    private const int LongestLine = 512;

    private readonly Lock _gate = new();
    private byte[] _bytes = [];
    private int _length;

    /// <summary>Adds what was read, forgetting the oldest.</summary>
    public void Append(ReadOnlySpan<byte> text)
    {
        if (text.Length > maxBytes)
            text = text[^maxBytes..];
        lock (_gate)
        {
            var excess = _length + text.Length - maxBytes;
            if (excess > 0)
            {
                // Some more than needed, so that not every byte moves the rest.
                var drop = Math.Min(_length, Math.Max(excess, maxBytes / 4));
                _bytes.AsSpan(drop, _length - drop).CopyTo(_bytes);
                _length -= drop;
            }
            if (_length + text.Length > _bytes.Length)
                Array.Resize(ref _bytes, Math.Min(maxBytes, Math.Max(FirstBuffer, (_length + text.Length) * 2)));
            text.CopyTo(_bytes.AsSpan(_length));
            _length += text.Length;
        }
    }

    /// <summary>The last lines that have something to read.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            string text;
            lock (_gate)
                text = Encoding.UTF8.GetString(_bytes, 0, _length);
            var lines = new List<string>();
            foreach (var line in text.Split('\n'))
            {
                if (Clean(line) is { Length: > 0 } clean)
                    lines.Add(clean);
            }
            return lines.Count > maxLines ? lines[^maxLines..] : lines;
        }
    }

    /// <summary>Without escape sequences, control and format characters; cut to a length that a message can carry.</summary>
    internal static string Clean(string line)
    {
        var clean = new StringBuilder(Math.Min(line.Length, LongestLine));
        for (var i = 0; i < line.Length && clean.Length < LongestLine; i++)
        {
            if (line[i] == '\e')
                i = SkipEscape(line, i);
            else if (line[i] == '\t')
                clean.Append(' ');
            else if (CharUnicodeInfo.GetUnicodeCategory(line[i]) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator))
                clean.Append(line[i]);
        }
        return clean.ToString().TrimEnd();
    }

    /// <summary>The last position of the sequence that starts here: ESC [ parameters final, or ESC and one character.</summary>
    private static int SkipEscape(string line, int at)
    {
        if (at + 1 >= line.Length || line[at + 1] != '[')
            return at + 1;
        for (at += 2; at < line.Length; at++)
        {
            if (line[at] is >= '@' and <= '~')
                return at;
        }
        return at;
    }
}
