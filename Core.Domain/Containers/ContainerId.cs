namespace Kata.Core.Domain.Containers;

/// <summary>The id of a container, parsed once at the edge; safe as a path segment.</summary>
public sealed record ContainerId
{
    private ContainerId(string value) => Value = value;

    /// <summary>The id as it was given.</summary>
    public string Value { get; }

    /// <summary>The id, or an InvalidArgument failure that says what is wrong with the text.</summary>
    public static ContainerId Parse(string? text) => new(Identifier.Parse(text, "container id"));

    /// <summary>The id, or null for a text that cannot be one.</summary>
    public static ContainerId? ParseOrNull(string? text) => Identifier.IsValid(text) ? new(text) : null;

    /// <inheritdoc/>
    public override string ToString() => Value;
}
