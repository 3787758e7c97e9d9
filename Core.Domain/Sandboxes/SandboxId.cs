namespace Kata.Core.Domain.Sandboxes;

/// <summary>The id of a sandbox, parsed once at the edge; safe as a path segment.</summary>
public sealed record SandboxId
{
    private SandboxId(string value) => Value = value;

    /// <summary>The id as it was given.</summary>
    public string Value { get; }

    /// <summary>The id, or an InvalidArgument failure that says what is wrong with the text.</summary>
    public static SandboxId Parse(string? text) => new(Identifier.Parse(text, "sandbox id"));

    /// <inheritdoc/>
    public override string ToString() => Value;
}
