namespace Kata.Tests.TestHost;

/// <summary>What a test host is made with.</summary>
public sealed record TestHostOptions
{
    /// <summary>Memory; the overlay over the root, /run and /tmp live in it too.</summary>
    public int MemoryMib { get; init; } = 3072;

    public int Cpus { get; init; } = 2;

    /// <summary>
    /// An ext4 file to be mounted at /var/lib, which a power cut leaves as a disk would be left; null for none.
    /// </summary>
    public string? Disk { get; init; }

    /// <summary>Where the console's text and the sockets lie.</summary>
    public required string Directory { get; init; }

    /// <summary>Longest time until the first command line can be run.</summary>
    public TimeSpan StartLimit { get; init; } = TimeSpan.FromSeconds(60);
}
