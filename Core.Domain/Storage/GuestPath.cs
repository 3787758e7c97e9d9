namespace Kata.Core.Domain.Storage;

/// <summary>An absolute path inside the guest; never resolved on the host.</summary>
public sealed record GuestPath
{
    private GuestPath(string value) => Value = value;

    /// <summary>The path.</summary>
    public string Value { get; }

    /// <summary>The path, or an InvalidArgument failure that names <paramref name="what"/>.</summary>
    public static GuestPath Parse(string? text, string what) => new(AbsolutePath.Parse(text, what));

    /// <summary>This path and further segments, none of which may leave it.</summary>
    public GuestPath Append(string relative) => Parse($"{Value.TrimEnd('/')}/{relative}", "path");

    /// <inheritdoc/>
    public override string ToString() => Value;
}
