namespace Kata.Core.Domain.Storage;

/// <summary>An absolute path on the host, without "." and ".." segments; parsed once at the edge.</summary>
public sealed record HostPath
{
    private HostPath(string value) => Value = value;

    /// <summary>The path.</summary>
    public string Value { get; }

    /// <summary>The last segment.</summary>
    public string Name => Value[(Value.LastIndexOf('/') + 1)..];

    /// <summary>The path, or an InvalidArgument failure that names <paramref name="what"/>.</summary>
    public static HostPath Parse(string? text, string what) => new(AbsolutePath.Parse(text, what));

    /// <summary>The path, or null for what is none.</summary>
    public static HostPath? TryParse(string? text)
    {
        try
        {
            return Parse(text, "path");
        }
        catch (KataException)
        {
            return null;
        }
    }

    /// <summary>This path and further segments, none of which may leave it.</summary>
    public HostPath Append(string relative) => Parse($"{Value.TrimEnd('/')}/{relative}", "path");

    /// <inheritdoc/>
    public override string ToString() => Value;
}
