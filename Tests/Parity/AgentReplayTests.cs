using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Protos.Agent;
using Kata.Tests.Parity.AgentCalls;
using Xunit;

namespace Kata.Tests.Parity;

/// <summary>A fact that needs a machine to be started; skipped where that cannot be.</summary>
internal sealed class MachineFactAttribute : FactAttribute
{
    public MachineFactAttribute() => Skip = GuestMachine.Missing;
}

/// <summary>Upstream's calls, as they were recorded, played to our agent in its guest.</summary>
[Trait("category", "real")]
public sealed class AgentReplayTests
{
    private static readonly TimeSpan PowerOffLimit = TimeSpan.FromSeconds(20);

    [MachineFact]
    public async Task Life_run_echo_when_played_to_our_agent_is_answered_like_by_upstreams()
    {
        var answers = await PlayAsync("run-echo");

        Output(answers, "pod").Should().Be("hello world\n");
        Exits(answers, "pod").Should().Equal(0);
    }

    [MachineFact]
    public async Task Life_detached_exec_kill_when_played_to_our_agent_is_answered_like_by_upstreams()
    {
        var answers = await PlayAsync("detached-exec-kill");

        Output(answers, "uuid-2").Should().Be("from exec\n");
        Exits(answers, "uuid-2").Should().Equal(0);
        Exits(answers, "uuid-3").Should().Equal(7);
        Exits(answers, "uuid-4").Should().Equal(143);
        Exits(answers, "pod").Should().Equal(143);
    }

    // Every call must be answered, and with success, but two: who waits a second time for a process finds none, since the
    // first wait took it away; and who waits for a container out of memory when the sandbox goes is sent away.
    private static async Task<IReadOnlyList<Answer>> PlayAsync(string life)
    {
        await using var machine = await GuestMachine.BootAsync();
        WriteRootfs(Path.Combine(machine.Share, "pod", "rootfs"));
        var player = new Player(machine.Agent);
        foreach (var call in new Recording(life).Calls())
            await player.SendAsync(call);
        var answers = await player.AnswersAsync();

        string.Join('\n', answers.Where(answer => answer.Message is null).Except(Refused(answers))).Should().BeEmpty("the guest said {0}", machine.Said);
        Refused(answers).Should().OnlyContain(answer => answer.Message == null);
        await machine.EndedAsync(PowerOffLimit);
        return [.. answers.Except(Refused(answers))];
    }

    private static IEnumerable<Answer> Refused(IReadOnlyList<Answer> answers)
    {
        var again = answers.Where(answer => answer.Call.Method == "WaitProcess")
            .GroupBy(answer => answer.Call.Message.ToString())
            .SelectMany(waits => waits.Skip(1))
            .ToList();
        again.Should().OnlyContain(answer => answer.Status.StatusCode == StatusCode.NotFound);
        return [.. again, .. answers.Where(answer => answer.Call.Method == "GetOOMEvent")];
    }

    private static string Output(IEnumerable<Answer> answers, string exec) => string.Concat(answers
        .Where(answer => answer.Call.Message is ReadStreamRequest request && request.ExecId == exec)
        .Select(answer => ((ReadStreamResponse)answer.Message!).Data.ToStringUtf8()));

    private static IEnumerable<int> Exits(IEnumerable<Answer> answers, string exec) => answers
        .Where(answer => answer.Call.Message is WaitProcessRequest request && request.ExecId == exec)
        .Select(answer => ((WaitProcessResponse)answer.Message!).Status);

    private static void WriteRootfs(string root)
    {
        const UnixFileMode executable = (UnixFileMode)0b111_101_101;
        foreach (var name in new[] { "bin", "dev", "proc", "sys", "tmp", "root", "run" })
            Directory.CreateDirectory(Path.Combine(root, name), executable);
        var busybox = Path.Combine(root, "bin", "busybox");
        File.Copy(new[] { "/bin/busybox", "/usr/bin/busybox" }.First(File.Exists), busybox);
        File.SetUnixFileMode(busybox, executable);
        foreach (var name in new[] { "sh", "echo" })
            File.CreateSymbolicLink(Path.Combine(root, "bin", name), "busybox");

        // The programs that the recorded guest knew. An init that has no handler for a signal does not get it.
        Write("exit", "exit $1");
        Write("sleep",
            """
            trap 'exit 143' TERM
            trap : USR1
            busybox sleep "$1" &
            while kill -0 $!; do wait $!; done
            """);

        void Write(string name, string script)
        {
            var path = Path.Combine(root, "bin", name);
            File.WriteAllText(path, $"#!/bin/sh\n{script}\n");
            File.SetUnixFileMode(path, executable);
        }
    }
}
