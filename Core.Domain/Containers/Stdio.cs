namespace Kata.Core.Domain.Containers;

/// <summary>Where a process's streams go, as the client gave it: paths of fifos or URIs; empty means absent.</summary>
public sealed record Stdio(string Stdin, string Stdout, string Stderr, bool Terminal)
{
    /// <summary>No streams at all.</summary>
    public static readonly Stdio None = new("", "", "", false);
}

/// <summary>One of a process's output streams.</summary>
public enum GuestStream
{
    /// <summary>Standard output, or everything if the process has a terminal.</summary>
    Stdout,

    /// <summary>Standard error.</summary>
    Stderr,
}
