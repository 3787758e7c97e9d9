using FluentAssertions;
using Xunit;

namespace Kata.Tests.Unit.Hostile;

/// <summary>Runs with nothing beside it: it measures the memory of the whole process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}

/// <summary>What a <see cref="HostileAgent"/> can make the host hold and allocate.</summary>
[Collection(AloneCollection.Name)]
public sealed class HostileMemoryTests
{
    // What the largest answer that is taken becomes when it is made of the smallest parts, and as much for all else.
    private const long MaxForOneRead = 32 << 20;

    private const long MaxKept = 16 << 20;

    [Fact]
    public void Memory_when_the_guest_lies_stays_within_its_bounds()
    {
        // The first life brings what every later one finds there.
        new HostileLife(0).Run();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var seed = 1000; seed < 1012; seed++)
        {
            var life = new HostileLife(seed);
            life.Run(() => (GC.GetTotalMemory(forceFullCollection: true) - before).Should().BeLessThan(MaxKept));

            life.Agent.MostForOneRead.Should().BeLessThan(MaxForOneRead);
        }
    }
}
