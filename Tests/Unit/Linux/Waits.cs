namespace Kata.Tests.Unit.Linux;

/// <summary>The longest any wait here may take before the test fails.</summary>
internal static class Waits
{
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    internal static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Limit);

    internal static Task InTime(this Task task) => task.WaitAsync(Limit);
}
