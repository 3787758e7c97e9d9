using System.Globalization;
using FluentAssertions;
using Kata.Adapters.Guest.Hooks;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IHookRunner"/> keeps to.</summary>
public abstract class HookRunnerContract
{
    protected static readonly HookState State = new(
        ContainerId.Parse("box"), HostPath.Parse("/bundles/box", "bundle"), 7, "creating");

    protected abstract IHookRunner Runner { get; }

    /// <summary>Names of the hooks that have run, in order.</summary>
    protected abstract IReadOnlyList<string> Ran { get; }

    /// <summary>A hook that notes its name, or one that fails with the words "it said no".</summary>
    protected abstract OciHook Hook(string name, bool fails = false);

    [Fact]
    public async Task Run_when_several_runs_them_in_order()
    {
        await Runner.RunAsync(HookStage.CreateRuntime, [Hook("a"), Hook("b"), Hook("c")], State, default);

        Ran.Should().Equal("a", "b", "c");
    }

    [Fact]
    public async Task Run_when_none_does_nothing() => await Runner.RunAsync(HookStage.Poststop, [], State, default);

    [Fact]
    public async Task Run_when_one_fails_tells_its_words_and_runs_no_other()
    {
        var failure = await Runner.Invoking(
            r => r.RunAsync(HookStage.Poststart, [Hook("a"), Hook("false", fails: true), Hook("c")], State, default))
            .Should().ThrowAsync<KataException>();

        failure.Which.Message.Should().Contain("it said no");
        Ran.Should().Equal("a");
    }
}

/// <summary>The hooks of the harness.</summary>
public sealed class HookRunnerHarnessTests : HookRunnerContract
{
    private readonly HarnessHooks _hooks = new(new HarnessHost());

    protected override IHookRunner Runner => _hooks;

    protected override IReadOnlyList<string> Ran => [.. _hooks.Ran.Select(ran => Path.GetFileName(ran.Path))];

    protected override OciHook Hook(string name, bool fails = false) => new() { Path = $"/hooks/{name}" };
}

/// <summary>Hooks that are shell scripts.</summary>
public sealed class HookRunnerScriptTests : HookRunnerContract, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hooks").FullName;

    protected override IHookRunner Runner { get; } = new HookRunner(TimeProvider.System);

    protected override IReadOnlyList<string> Ran =>
        File.Exists($"{_folder}/ran") ? File.ReadAllLines($"{_folder}/ran") : [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Run_when_it_reads_its_input_finds_the_state()
    {
        await Runner.RunAsync(HookStage.CreateRuntime, [Script("state", $"cat > {_folder}/state")], State, default);

        File.ReadAllText($"{_folder}/state").Should().Contain("\"id\":\"box\"").And.Contain("\"pid\":7")
            .And.Contain("creating").And.Contain("/bundles/box");
    }

    [Fact]
    public async Task Run_when_it_outlasts_its_timeout_is_ended_and_says_so()
    {
        var hook = Script("slow", "exec sleep 60") with { Timeout = 1 };

        (await Runner.Invoking(r => r.RunAsync(HookStage.CreateRuntime, [hook], State,
            default)).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.DeadlineExceeded);
    }

    [Fact]
    public async Task Run_when_it_outlasts_its_timeout_ends_what_it_has_started_too()
    {
        var hook = Script("slow", $"sleep 60 & echo $! > {_folder}/child; wait") with { Timeout = 1 };

        await Runner.Invoking(r => r.RunAsync(HookStage.CreateRuntime, [hook], State, default))
            .Should().ThrowAsync<KataException>();

        var child = int.Parse(await File.ReadAllTextAsync($"{_folder}/child"), CultureInfo.InvariantCulture);
        SpinWait.SpinUntil(() => ProcFs.Stat(child) is null or { State: 'Z' }, TimeSpan.FromSeconds(10))
            .Should().BeTrue();
    }

    [Theory]
    [InlineData("relative")]
    [InlineData("/no/such/hook")]
    public async Task Run_when_there_is_no_such_program_is_refused_and_named(string path) =>
        (await Runner.Invoking(r => r.RunAsync(HookStage.CreateRuntime, [new OciHook
        {
            Path = path
        }], State, default)).Should().ThrowAsync<KataException>())
            .Which.Message.Should().Contain(path);

    protected override OciHook Hook(string name, bool fails = false) =>
        Script(name, fails ? "echo it said no >&2; exit 1" : $"echo {name} >> {_folder}/ran");

    private OciHook Script(string name, string line) => new()
    {
        Path = "/bin/sh",
        Args = ["sh", "-c", line, name],
        Env = [$"PATH={Environment.GetEnvironmentVariable("PATH")}", $"NAME={name}"],
    };
}
