namespace Kata.Core.Domain.Containers;

/// <summary>The id of a container, parsed once at the edge; safe as a path segment.</summary>
public sealed record ContainerId
{
    // Directories of the sandbox beside those that are named after its containers: two in the guest, the last in the
    // share.
    private static readonly string[] Taken = ["shared", "sandbox", "watchable"];

    private ContainerId(string value) => Value = value;

    /// <summary>The id as it was given.</summary>
    public string Value { get; }

    /// <summary>The id, or an InvalidArgument failure that says what is wrong with the text.</summary>
    public static ContainerId Parse(string? text)
    {
        var id = Identifier.Parse(text, "container id");
        return !Taken.Contains(id) ? new ContainerId(id) : throw new KataException(
            ErrorKind.InvalidArgument,
            $"container id \"{id}\" is reserved for a directory of the sandbox; use another id");
    }

    /// <summary>The id, or null for a text that cannot be one.</summary>
    public static ContainerId? ParseOrNull(string? text) =>
        Identifier.IsValid(text) && !Taken.Contains(text) ? new(text) : null;

    /// <inheritdoc/>
    public override string ToString() => Value;
}
