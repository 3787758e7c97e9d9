using System.Runtime.InteropServices;

namespace Kata.Platform.Linux;

/// <summary>
/// A program to start. The child gets exactly what is named here: descriptors, environment, an empty signal mask,
/// default dispositions.
/// </summary>
public sealed record SpawnRequest
{
    /// <summary>Absolute path of the program, or <see cref="MemFd.ExecutablePath"/>.</summary>
    public required string Path { get; init; }

    /// <summary>The whole argv, its first entry included.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>The whole environment as NAME=value.</summary>
    public IReadOnlyList<string> Environment { get; init; } = [];

    /// <summary>Descriptors beyond the first three. They stay open here; close them once the child has them.</summary>
    public IReadOnlyList<InheritedDescriptor> Descriptors { get; init; } = [];

    /// <summary><c>/dev/null</c> if null.</summary>
    public SafeHandle? StandardInput { get; init; }

    /// <summary><c>/dev/null</c> if null.</summary>
    public SafeHandle? StandardOutput { get; init; }

    /// <summary><c>/dev/null</c> if null.</summary>
    public SafeHandle? StandardError { get; init; }

    public string WorkingDirectory { get; init; } = "/";

    public SpawnGroup Group { get; init; } = SpawnGroup.Own;

    /// <summary>What must be entered or given up before the program runs. Null starts it directly.</summary>
    public SpawnPlacement? Placement { get; init; }
}

/// <summary>An open file and the number it has in the child, 3 or higher.</summary>
public readonly record struct InheritedDescriptor(SafeHandle Handle, int ChildDescriptor);

/// <summary>The child's place among process groups and sessions.</summary>
public enum SpawnGroup
{
    /// <summary>A process group of its own, so that signals of ours do not reach it.</summary>
    Own,

    /// <summary>A session of its own, without a controlling terminal.</summary>
    Session,

    /// <summary>Our group.</summary>
    Inherit,
}
