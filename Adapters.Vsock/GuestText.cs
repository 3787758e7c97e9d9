using System.Text;

namespace Kata.Adapters.Vsock;

/// <summary>Text that the guest wrote: quoted, on one line, and bounded before it reaches a log or a sentence.</summary>
internal static class GuestText
{
    private const int MaxQuoted = 200;

    public static string Quote(ReadOnlySpan<char> text, int max = MaxQuoted) => $"\"{Clean(text, max)}\"";

    /// <summary>Without control characters, shortened with an ellipsis.</summary>
    public static string Clean(ReadOnlySpan<char> text, int max)
    {
        var clean = new StringBuilder(Math.Min(text.Length, max) + 1);
        foreach (var c in text.Length > max ? text[..max] : text)
            clean.Append(char.IsControl(c) ? ' ' : c);
        if (text.Length > max)
            clean.Append('…');
        return clean.ToString();
    }
}
