using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Kata.Core.Domain.Storage;

/// <summary>
/// The rule that host and guest paths share: absolute, no "." or ".." segment, no NUL, at most 4,095 bytes.
/// </summary>
internal static class AbsolutePath
{
    private const int MaxLength = 4095;

    public static string Parse([NotNull] string? text, string what)
    {
        if (string.IsNullOrEmpty(text) || text[0] != '/')
            throw Invalid(what, "must be an absolute path");
        if (Encoding.UTF8.GetByteCount(text) > MaxLength)
            throw Invalid(what, $"is longer than {MaxLength} bytes");
        if (text.Contains('\0'))
            throw Invalid(what, "contains a NUL character");

        foreach (var range in text.AsSpan().Split('/'))
        {
            if (text.AsSpan()[range] is "." or "..")
                throw Invalid(what, "must not contain \".\" or \"..\"");
        }

        return text.Length > 1 ? text.TrimEnd('/') is { Length: > 0 } trimmed ? trimmed : "/" : text;
    }

    private static KataException Invalid(string what, string why) => new(ErrorKind.InvalidArgument, $"{what} {why}");
}
