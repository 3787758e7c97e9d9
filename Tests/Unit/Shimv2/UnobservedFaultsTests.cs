using System.Runtime.CompilerServices;
using FluentAssertions;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

public sealed class UnobservedFaultsTests
{
    [Fact]
    public void Fault_of_a_task_that_nobody_awaits_is_logged()
    {
        using var log = new HarnessLog();
        using var told = new UnobservedFaults(log);

        FailInTheBackground();
        GC.Collect();
        GC.WaitForPendingFinalizers();

        log.Lines.Should().Contain(line => line.Text.Contains("the watcher broke", StringComparison.Ordinal));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FailInTheBackground() =>
        _ = Task.FromException(new InvalidOperationException("the watcher broke"));
}
