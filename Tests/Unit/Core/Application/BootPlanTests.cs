using FluentAssertions;
using Kata.Core.Application.Creation;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes.Boot;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Moq;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>The order of a boot's steps, and what becomes of the others when one fails.</summary>
public sealed class BootPlanTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly List<string> _ran = [];
    private readonly LiveSandbox _sandbox = new(
        new ShimIdentity(SandboxId.Parse("pod"), new SandboxOwner("tests", "/c.sock")), Mock.Of<ITaskEvents>());
    private readonly CreationLimits _limits;
    private readonly BootContext _boot;

    public BootPlanTests()
    {
        _limits = new CreationLimits(_sandbox, _time, default);
        _boot = new BootContext(_sandbox, new ContainerCreation(
            ContainerId.Parse("box"), HostPath.Parse("/bundles/box", "bundle"), [], null,
            new PhaseTimeline(_time, (_, _, _) => { }), _limits));
    }

    private IEnumerable<string> Phases => _boot.Creation.Timeline.Phases.Select(phase => phase.Name);

    public void Dispose()
    {
        _limits.Dispose();
        _sandbox.Dispose();
    }

    [Fact]
    public async Task Stage_begins_when_every_chain_of_the_one_before_has_ended()
    {
        var gate = new TaskCompletionSource();
        var plan = new BootPlan([[[Step("a", gate.Task)], [Step("b"), Step("c")]], [[Step("d")]]]);

        var running = plan.RunAsync(_boot);
        _ran.Should().Equal("a", "b", "c");
        gate.SetResult();
        await running;
        _ran.Should().Equal("a", "b", "c", "d");
        Phases.Should().Equal("a", "b", "c", "d");
    }

    [Fact]
    public async Task Step_that_is_not_needed_leaves_no_trace()
    {
        await new BootPlan([[[Step("a"), Step("b", isNeeded: false), Step("c")]]]).RunAsync(_boot);

        _ran.Should().Equal("a", "c");
        Phases.Should().Equal("a", "c");
    }

    [Fact]
    public async Task Step_that_fails_calls_off_the_others_and_they_are_waited_for()
    {
        var ended = new TaskCompletionSource();
        var plan = new BootPlan([[[Step("slow", ended.Task)], [Step("bad", Task.FromException(Refusal)), Step("next")]]]);

        var running = plan.RunAsync(_boot);
        _limits.Token.IsCancellationRequested.Should().BeTrue();
        running.IsCompleted.Should().BeFalse("what the other still acquires must be seen by whoever gives back");
        ended.SetResult();

        (await running.Invoking(task => task).Should().ThrowAsync<KataException>()).Which.Should().BeSameAs(Refusal);
        _ran.Should().Equal("slow", "bad");
        _boot.Creation.Timeline.FailedPhase.Should().Be("bad");
    }

    [Fact]
    public void Context_when_a_step_reads_what_none_has_left_names_it() =>
        _boot.Invoking(boot => boot.Settings).Should().Throw<InvalidOperationException>().WithMessage("*Settings*");

    private static KataException Refusal { get; } = new(ErrorKind.InvalidArgument, "no");

    private PlannedStep Step(string phase, Task? work = null, bool isNeeded = true) =>
        new(phase, isNeeded, () =>
        {
            _ran.Add(phase);
            return work ?? Task.CompletedTask;
        });

    private sealed class PlannedStep(string phase, bool isNeeded, Func<Task> run) : IBootStep
    {
        public string Phase => phase;

        public bool IsNeeded(BootContext boot) => isNeeded;

        public Task RunAsync(BootContext boot, CancellationToken ct) => run();
    }
}
