namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>What the shim was asked to do.</summary>
internal enum ShimAction
{
    /// <summary>No action word: be the long-lived server.</summary>
    Serve,

    /// <summary>Find or make the server and print its address.</summary>
    Start,

    /// <summary>Release what a dead server left.</summary>
    Delete,

    /// <summary>Describe the runtime.</summary>
    Info,

    /// <summary>Print the OCI document on what the runtime can do.</summary>
    Features,

    /// <summary>Print the version for a person.</summary>
    Version,
}

/// <summary>
/// The command line, in the syntax of Go's flag package: <c>-x value</c>, <c>--x value</c>, <c>-x=value</c>; an empty
/// value word is a value; the first word that is no flag is the action.
/// </summary>
internal sealed record ShimArguments
{
    private static readonly string[] ValueFlags = ["namespace", "address", "publish-binary", "id", "bundle", "socket",
        "debug-socket"];
    private static readonly string[] SwitchFlags = ["debug", "info", "v", "version"];

    /// <summary>The container manager's namespace.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>The container manager's gRPC address; empty under CRI-O.</summary>
    public string Address { get; init; } = "";

    /// <summary>The container manager's program.</summary>
    public string PublishBinary { get; init; } = "";

    /// <summary>The container.</summary>
    public string Id { get; init; } = "";

    /// <summary>The bundle directory, given to <c>delete</c>; empty otherwise.</summary>
    public string Bundle { get; init; } = "";

    /// <summary>Path of the socket that the server was given as descriptor 3.</summary>
    public string Socket { get; init; } = "";

    /// <summary>More in the log.</summary>
    public bool Debug { get; init; }

    /// <summary>What to do.</summary>
    public ShimAction Action { get; init; }

    /// <summary>Reads the words, or throws <see cref="UsageException"/>.</summary>
    public static ShimArguments Parse(IReadOnlyList<string> words)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var index = 0;
        while (index < words.Count && TryReadFlag(words, ref index, values))
        {
        }

        return new ShimArguments
        {
            Namespace = values.GetValueOrDefault("namespace", ""),
            Address = values.GetValueOrDefault("address", ""),
            PublishBinary = values.GetValueOrDefault("publish-binary", ""),
            Id = values.GetValueOrDefault("id", ""),
            Bundle = values.GetValueOrDefault("bundle", ""),
            Socket = values.GetValueOrDefault("socket", ""),
            Debug = IsSet(values, "debug"),
            Action = IsSet(values, "v") || IsSet(values, "version") ? ShimAction.Version
                : IsSet(values, "info") ? ShimAction.Info
                : ActionOf(index < words.Count ? words[index] : null),
        };
    }

    /// <summary>The text that goes with a wrong command line.</summary>
    public static string Usage(string program) =>
        $"""
        Usage of {program}:
          -address string         address of the container manager's gRPC socket
          -bundle string          path of the bundle
          -debug                  write debug messages to the log
          -debug-socket string    accepted and not used
          -id string              id of the container
          -info                   print what the runtime can do, as protobuf
          -namespace string       namespace of the container manager
          -publish-binary string  program of the container manager
          -socket string          path of the socket to serve
          -v, -version            print the version
        Actions: start, delete, features; none serves.

        """;

    private static bool IsSet(Dictionary<string, string> values, string name) =>
        values.GetValueOrDefault(name) == "true";

    /// <summary>Takes one flag; false at the first word that is none.</summary>
    private static bool TryReadFlag(IReadOnlyList<string> words, ref int index, Dictionary<string, string> values)
    {
        var word = words[index];
        if (word.Length < 2 || word[0] != '-')
            return false;
        index++;
        if (word == "--")
            return false;

        var body = word.AsSpan(word[1] == '-' ? 2 : 1);
        if (body[0] is '-' or '=')
            throw new UsageException($"bad flag syntax: {word}");
        var equals = body.IndexOf('=');
        var name = (equals < 0 ? body : body[..equals]).ToString();
        var value = equals < 0 ? null : body[(equals + 1)..].ToString();

        if (name is "h" or "help")
            throw new UsageException("");
        if (SwitchFlags.Contains(name))
            values[name] = ReadSwitch(name, value ?? "true") ? "true" : "false";
        else if (!ValueFlags.Contains(name))
            throw new UsageException($"flag provided but not defined: -{name}");
        else if (value is not null)
            values[name] = value;
        else if (index < words.Count)
            values[name] = words[index++];
        else
            throw new UsageException($"flag needs an argument: -{name}");
        return true;
    }

    private static bool ReadSwitch(string name, string value) => value switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => throw new UsageException($"invalid boolean value \"{value}\" for -{name}"),
    };

    private static ShimAction ActionOf(string? word) => word switch
    {
        null => ShimAction.Serve,
        "start" => ShimAction.Start,
        "delete" => ShimAction.Delete,
        "features" => ShimAction.Features,
        _ => throw new UsageException($"unknown action: {word}"),
    };
}

/// <summary>The command line is wrong; an empty message asks for the usage alone.</summary>
internal sealed class UsageException(string message) : Exception(message);
