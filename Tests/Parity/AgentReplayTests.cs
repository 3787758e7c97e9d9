using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Protos.Agent;
using Kata.Tests.Parity.AgentCalls;
using Xunit;

namespace Kata.Tests.Parity;

/// <summary>A theory that needs a machine to be started; skipped where that cannot be.</summary>
internal sealed class MachineTheoryAttribute : TheoryAttribute
{
    public MachineTheoryAttribute() => Skip = GuestMachine.Missing;
}

/// <summary>Upstream's calls, as they were recorded, played to our agent in its guest.</summary>
[Trait("category", "real")]
public sealed class AgentReplayTests
{
    private const string NoNic = "the machine has no NIC";
    private static readonly TimeSpan PowerOffLimit = TimeSpan.FromSeconds(20);

    private static readonly Dictionary<string, Expected> Lives = new()
    {
        ["run-echo"] = new Expected { Exits = { ["pod"] = 0 }, Output = { ["pod"] = "hello world\n" } },
        ["run-exit-3"] = new Expected { Exits = { ["pod"] = 3 } },
        // Only the first lines are asked for, and the terminal's own echo is among them.
        ["run-tty"] = new Expected { Exits = { ["pod"] = 0 }, Output = { ["pod"] = "abc\r\n*" } },
        ["detached-exec-kill"] = new Expected
        {
            Exits = { ["uuid-2"] = 0, ["uuid-3"] = 7, ["uuid-4"] = 143, ["pod"] = 143 },
            Output = { ["uuid-2"] = "from exec\n" },
        },
        ["kill-all-9"] = new Expected { Exits = { ["pod"] = 137 } },
        ["pod-two-containers"] = new Expected
        {
            Exits = { ["uuid-2"] = 0, ["uuid-3"] = 0, ["uuid-4"] = 0, ["c1"] = 143, ["c2"] = 137, ["pod"] = 137 },
            Output = { ["uuid-2"] = "in one\n", ["uuid-3"] = "sync in two\n", ["uuid-4"] = "one\ntwo\n" },
            Refused = { ["UpdateInterface"] = NoNic, ["UpdateRoutes"] = NoNic },
        },
        ["pod-shared-pid"] = new Expected
        {
            Exits = { ["c1"] = 143, ["c2"] = 137, ["pod"] = 137 },
            Refused = { ["UpdateInterface"] = NoNic, ["UpdateRoutes"] = NoNic },
        },
    };

    public static TheoryData<string> LifeNames => new(Lives.Keys);

    [MachineTheory]
    [MemberData(nameof(LifeNames))]
    public async Task Life_when_played_to_our_agent_is_answered_like_by_upstreams(string life)
    {
        var expected = Lives[life];
        await using var machine = await GuestMachine.BootAsync();
        var calls = new Recording(life).Calls();
        SharedFiles.Write(machine.Share, calls);
        var player = new Player(machine.Agent);
        foreach (var call in calls)
            await player.SendAsync(call);
        var answers = await player.AnswersAsync();

        string.Join('\n', answers.Where(answer => answer.Message is null).Except(MayBeRefused(answers, expected)))
            .Should().BeEmpty("the guest said {0}", machine.Said);
        MayBeRefused(answers, expected)
            .Should().OnlyContain(answer => answer.Message == null, "what is not refused needs no mention");
        foreach (var (process, code) in expected.Exits)
            ExitOf(answers, process).Should().Be(code, "of {0}", process);
        foreach (var (process, output) in expected.Output)
            OutputOf(answers, process).Should().Match(output, "of {0}", process);
        await machine.EndedAsync(PowerOffLimit);
    }

    // Two refusals are the protocol's: who waits a second time for a process finds none, since the first wait took it
    // away; and who waits for a container out of memory when the sandbox goes is sent away.
    private static IReadOnlyList<Answer> MayBeRefused(IReadOnlyList<Answer> answers, Expected expected)
    {
        var again = answers.Where(answer => answer.Call.Method == "WaitProcess")
            .GroupBy(answer => answer.Call.Message.ToString())
            .SelectMany(waits => waits.Skip(1))
            .ToList();
        return [.. again.Where(answer => answer.Status.StatusCode == StatusCode.NotFound),
            .. answers.Where(
                answer => answer.Call.Method == "GetOOMEvent" || expected.Refused.ContainsKey(answer.Call.Method))];
    }

    private static string OutputOf(IEnumerable<Answer> answers, string exec) => string.Concat(answers
        .Where(
            answer =>
                answer.Call.Method == "ReadStdout" && answer.Call.Message is ReadStreamRequest request
                    && request.ExecId == exec)
        .Select(answer => ((ReadStreamResponse)answer.Message!).Data.ToStringUtf8()));

    private static int ExitOf(IEnumerable<Answer> answers, string exec) => ((WaitProcessResponse)answers
        .First(answer => answer.Call.Message is WaitProcessRequest request && request.ExecId == exec).Message!).Status;

    /// <summary>What must come of a life. A kill by the recorded signals gives the recorded codes.</summary>
    private sealed record Expected
    {
        public Dictionary<string, int> Exits { get; } = [];

        public Dictionary<string, string> Output { get; } = [];

        /// <summary>Calls that are refused, and why.</summary>
        public Dictionary<string, string> Refused { get; } = [];
    }
}
