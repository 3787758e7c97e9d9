using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>What holds after any life of a sandbox, whatever was asked and whatever went wrong.</summary>
internal static class LifeInvariants
{
    /// <summary>Fails if one is broken, once the shim has ended.</summary>
    public static void Hold(HarnessShim shim)
    {
        var facts = shim.Events.Facts;
        shim.Host.Held.Should().BeEmpty();
        shim.Host.ShimIsInCgroup.Should().BeFalse();

        foreach (var life in Lives(facts))
            life.Should().MatchRegex(
                "^Co*(S([PR]|o|a|s|x|d)*)?(X?D?)?$|^C?o*X?D?$", "facts of a container leave in order");

        // Exactly one exit per process that was told started, and none after it.
        foreach (var started in facts.OfType<ContainerStarted>())
            ExitsOf(facts, new ProcessRef(started.Container)).Should().BeGreaterThanOrEqualTo(1);
        foreach (var started in facts.OfType<ExecStarted>())
            ExitsOf(facts, started.Process).Should().BeGreaterThanOrEqualTo(1);

        // No exec's exit after its init's, until the container is made anew.
        var ended = new HashSet<ContainerId>();
        foreach (var fact in facts)
        {
            if (fact is ContainerCreated created)
                ended.Remove(created.Container);
            if (fact is not ProcessExited exited)
                continue;
            if (exited.Process.IsInit)
                ended.Add(exited.Process.Container).Should().BeTrue("an exit is told once");
            else
                ended.Contains(exited.Process.Container).Should().BeFalse("an exec's exit comes first");
        }

        facts.OfType<SandboxStopped>().Count().Should().BeLessThanOrEqualTo(1);
    }

    private static int ExitsOf(IReadOnlyList<IDomainEvent> facts, ProcessRef process) =>
        facts.OfType<ProcessExited>().Count(exited => exited.Process == process);

    // One letter a fact, one text a life from its creation on.
    private static IEnumerable<string> Lives(IReadOnlyList<IDomainEvent> facts)
    {
        var lives = new Dictionary<ContainerId, string>();
        var done = new List<string>();
        foreach (var fact in facts)
        {
            var (container, letter) = fact switch
            {
                ContainerCreated f => (f.Container, "C"),
                ContainerStarted f => (f.Container, "S"),
                ContainerPaused f => (f.Container, "P"),
                ContainerResumed f => (f.Container, "R"),
                ContainerOutOfMemory f => (f.Container, "o"),
                ExecAdded f => (f.Process.Container, "a"),
                ExecStarted f => (f.Process.Container, "s"),
                ExecDeleted f => (f.Process.Container, ""),
                ProcessExited { Process.IsInit: false } f => (f.Process.Container, "x"),
                ProcessExited f => (f.Process.Container, "X"),
                ContainerDeleted f => (f.Container, "D"),
                _ => (null, ""),
            };
            if (container is null)
                continue;
            if (letter == "C" && lives.Remove(container, out var before))
                done.Add(before);
            lives[container] = lives.GetValueOrDefault(container, "") + letter;
        }

        return done.Concat(lives.Values);
    }
}
