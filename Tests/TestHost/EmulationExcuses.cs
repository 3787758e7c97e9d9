using System.Globalization;

namespace Kata.Tests.TestHost;

/// <summary>
/// How often the emulation has been the excuse, in one run of tests. Each use is printed with its number; what would be
/// one too many is no excuse any more: then the emulation is worse than it was seen to be, or the fault is ours after
/// all.
/// </summary>
public sealed class EmulationExcuses(int most, TextWriter told)
{
    /// <summary>
    /// Of some sixty nested machines in the matrix about one in twenty stops: three are to be expected.
    /// </summary>
    private const int MaxInOneRun = 8;

    private readonly Lock _gate = new();
    private int _used;

    /// <summary>All of this process.</summary>
    public static EmulationExcuses OfThisRun { get; } = new(MaxInOneRun, Console.Error);

    /// <summary>True if what failed may begin anew; told either way.</summary>
    public bool Take(EmulationFault fault, string where)
    {
        lock (_gate)
        {
            var isAllowed = _used < most;
            if (isAllowed)
                _used++;
            told.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"EMULATION {fault}, {(isAllowed ? $"excuse {_used} of at most {most}, once more" : $"but {most} excuses are used up")}: {where}"));
            return isAllowed;
        }
    }
}
