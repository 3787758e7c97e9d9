using Kata.Core.Domain;

namespace Kata.Adapters.Shimv2.Stdio;

/// <summary>What stands in a stream's path.</summary>
internal enum StdioScheme
{
    /// <summary>No stream.</summary>
    None,

    /// <summary>A fifo that the client has made.</summary>
    Fifo,

    /// <summary>A file to append to.</summary>
    File,

    /// <summary>A program that takes the output; ready when it closes or writes its third descriptor.</summary>
    Binary,

    /// <summary>The same, but ready only when it has written.</summary>
    BinaryV2,
}

/// <summary>A stream's path as the client gave it: nothing, a path, or a URI.</summary>
internal sealed record StdioUri(StdioScheme Scheme, string Path, IReadOnlyList<string> Arguments)
{
    private static readonly StdioUri Absent = new(StdioScheme.None, "", []);

    /// <summary>Reads it, or fails with InvalidArgument naming <paramref name="what"/>.</summary>
    public static StdioUri Parse(string text, string what)
    {
        if (text.Length == 0)
            return Absent;
        var separator = text.IndexOf("://", StringComparison.Ordinal);
        if (separator < 0)
            return new StdioUri(StdioScheme.Fifo, Absolute(text, what), []);

        var scheme = text[..separator] switch
        {
            "fifo" => StdioScheme.Fifo,
            "file" => StdioScheme.File,
            "binary" => StdioScheme.Binary,
            "binary-v2" => StdioScheme.BinaryV2,
            var other =>
                throw new KataException(
                    ErrorKind.InvalidArgument,
                    $"{what}: streams by {other}:// are not known; use fifo, file or binary"),
        };
        var rest = text[(separator + 3)..];
        var question = rest.IndexOf('?');
        var path = Absolute(Uri.UnescapeDataString(question < 0 ? rest : rest[..question]), what);
        return new StdioUri(scheme, path, question < 0 ? [] : ArgumentsOf(rest[(question + 1)..]));
    }

    /// <summary>Keys and values of the query in turn, as the logger's arguments.</summary>
    private static List<string> ArgumentsOf(string query)
    {
        var arguments = new List<string>();
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=');
            arguments.Add(Unescape(equals < 0 ? pair : pair[..equals]));
            if (equals >= 0 && equals + 1 < pair.Length)
                arguments.Add(Unescape(pair[(equals + 1)..]));
        }

        return arguments;
    }

    private static string Unescape(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));

    private static string Absolute(string path, string what) => path.StartsWith('/')
        ? path
        : throw new KataException(ErrorKind.InvalidArgument, $"{what} must be an absolute path");
}
