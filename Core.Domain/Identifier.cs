using System.Diagnostics.CodeAnalysis;

namespace Kata.Core.Domain;

/// <summary>
/// The one rule for ids that come from outside (containerd's identifiers): letters and digits in groups joined by
/// single dots, underscores or dashes, at most 76 characters. Such a text is safe as a path segment.
/// </summary>
internal static class Identifier
{
    public const int MaxLength = 76;

    public static string Parse([NotNull] string? text, string what)
    {
        if (!IsValid(text))
        {
            throw new KataException(ErrorKind.InvalidArgument,
                $"{what} {Quote(text)} is not valid: "
                + $"use letters and digits in groups joined by single '.', '_' or '-', at most {MaxLength} characters");
        }

        return text;
    }

    public static bool IsValid([NotNullWhen(true)] string? text)
    {
        if (text is not { Length: > 0 and <= MaxLength })
            return false;

        var afterSeparator = true;
        foreach (var c in text)
        {
            if (char.IsAsciiLetterOrDigit(c))
                afterSeparator = false;
            else if (c is '.' or '_' or '-' && !afterSeparator)
                afterSeparator = true;
            else
                return false;
        }

        return !afterSeparator;
    }

    private static string Quote(string? text) =>
        text is null
            ? "(none)"
            : $"\"{(text.Length > 100 ? string.Concat(text.AsSpan(0, 100), "…") : text).ReplaceLineEndings(" ")}\"";
}
