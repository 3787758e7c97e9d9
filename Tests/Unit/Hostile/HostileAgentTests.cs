using Xunit;

namespace Kata.Tests.Unit.Hostile;

/// <summary>
/// The whole core and the real client of the agent, on virtual time, against an agent that lies by a seed: every
/// request ends, the invariants hold, and neither calls, events nor log go beyond what was asked for.
/// </summary>
public sealed class HostileAgentTests
{
    private const int SeedsAtOnce = 20;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Any_answers_in_any_order_keep_the_invariants_and_the_bounds(int part)
    {
        for (var seed = part * SeedsAtOnce; seed < (part + 1) * SeedsAtOnce; seed++)
            new HostileLife(seed).Run();
    }
}
