using FluentAssertions;
using Kata.Apps.Agent.Containers;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public class GuestContainerStatesTests
{
    [Fact]
    public void TryNext_holds_exactly_what_may_happen()
    {
        var allowed = from state in Enum.GetValues<GuestContainerState>()
                      from trigger in Enum.GetValues<GuestContainerTrigger>()
                      where GuestContainerStates.TryNext(state, trigger, out _)
                      select $"{state} {trigger}";

        allowed.Should().BeEquivalentTo(
            "Created Start", "Created Pause", "Created Exit", "Running Pause", "Running Exit", "Paused Resume",
            "Paused Exit");
    }
}
