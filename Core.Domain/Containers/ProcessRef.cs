namespace Kata.Core.Domain.Containers;

/// <summary>Names one process: the init of a container, or one of its execs.</summary>
public sealed record ProcessRef(ContainerId Container, ExecId? Exec = null)
{
    /// <summary>True for the container's init.</summary>
    public bool IsInit => Exec is null;

    /// <summary>Reads the pair as a task API gives it: an empty exec id is the init.</summary>
    public static ProcessRef Parse(string? container, string? exec) =>
        new(ContainerId.Parse(container), string.IsNullOrEmpty(exec) ? null : ExecId.Parse(exec));

    /// <inheritdoc/>
    public override string ToString() =>
        Exec is null ? $"container {Container}" : $"exec {Exec} of container {Container}";
}
