namespace Kata.Core.Domain.Containers;

/// <summary>The id of an exec, parsed once at the edge; safe as a path segment.</summary>
public sealed record ExecId
{
    private ExecId(string value) => Value = value;

    /// <summary>The id as it was given.</summary>
    public string Value { get; }

    /// <summary>The id, or an InvalidArgument failure that says what is wrong with the text.</summary>
    public static ExecId Parse(string? text) => new(Identifier.Parse(text, "exec id"));

    /// <inheritdoc/>
    public override string ToString() => Value;
}
