using System.Globalization;

namespace Kata.Core.Domain.Containers;

/// <summary>A signal number of Linux, 1 to 64.</summary>
public readonly record struct Signal
{
    private Signal(int number) => Number = number;

    /// <summary>SIGKILL.</summary>
    public static readonly Signal Kill = new(9);

    /// <summary>The number.</summary>
    public int Number { get; }

    /// <summary>
    /// Whether it ends a process that has made no other arrangement: all but SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP,
    /// SIGTTIN, SIGTTOU, SIGURG and SIGWINCH.
    /// </summary>
    public bool EndsByDefault => Number is not ((>= 17 and <= 23) or 28);

    /// <summary>The signal, or an InvalidArgument failure.</summary>
    public static Signal Parse(uint number) => number is >= 1 and <= 64
        ? new Signal((int)number)
        : throw new KataException(ErrorKind.InvalidArgument, $"signal {number} is not between 1 and 64");

    /// <inheritdoc/>
    public override string ToString() => Number.ToString(CultureInfo.InvariantCulture);
}
