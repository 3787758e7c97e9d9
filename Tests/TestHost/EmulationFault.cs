using System.Text.RegularExpressions;

namespace Kata.Tests.TestHost;

/// <summary>What QEMU's emulation of nested machines was seen to do by itself.</summary>
public enum EmulationFault
{
    /// <summary>The test host's own kernel panicked: running nested machines now and then corrupts it.</summary>
    HostPanicked,

    /// <summary>
    /// The test host stands still: its shell answers nothing any more, and its kernel has complained of nothing.
    /// </summary>
    HostSilent,

    /// <summary>
    /// A processor of the test host runs a nested machine and does not come back from it: its kernel says for how long
    /// it has been stuck with the VMM, or, before that, that the processor holds up all others (RCU). What runs in user
    /// mode cannot do that.
    /// </summary>
    HostStuck,

    /// <summary>
    /// A nested machine stood still before its kernel handed over to our first process, as about one in twenty does.
    /// </summary>
    MachineSilent,

    /// <summary>A nested machine went off in the same window, without a word of it or of its VMM.</summary>
    MachineGone,
}

/// <summary>What is known of a test that failed in a test host.</summary>
/// <param name="Failure">What the test says: of a start that failed, the shim's sentence with the machine's last
/// words.</param>
/// <param name="HostConsole">Everything the test host's kernel has said.</param>
/// <param name="HostAnswers">Whether its shell still answers.</param>
public sealed record EmulationEvidence(string Failure, string HostConsole, bool HostAnswers);

/// <summary>
/// The one rule that tells the emulation's faults from ours. A fault of ours cannot pass: a nested machine is excused
/// only up to the moment in which the agent, the guest's first process, says that it takes over, and only if it was
/// silent. Whatever comes later, says anything, or ends by a signal or an error is ours, also where the emulation may
/// have been the cause.
/// </summary>
public static partial class EmulationRule
{
    // The beginning of a report of a failed start, the phase in which only the machine's boot is waited for, and its
    // causes.
    private const string Report = " failed in phase ";
    private const string WaitingForAgent = " failed in phase agent after ";
    private const string NoAnswer = "(dial_timeout)";
    private const string Ended = ": the virtual machine ended before its agent answered; the VMM ended with exit status 0";

    // The words of our first process; whatever the VMM said; and a kernel's own complaints, by which it knows why it
    // stopped.
    private static readonly string[] Words = ["kata-agent: ", "VMM said: ", "the VMM ended with signal"];
    private static readonly string[] Complaints = ["panic", "BUG:", "Oops", "Call Trace", "not syncing", "segfault",
        "general protection"];

    // Of memory or time that ran out in the host, which what runs in it can do.
    private static readonly string[] Exhaustion = ["Out of memory", "oom-kill", "deadlocked on memory",
        "blocked for more than"];

    /// <summary>Which fault of the emulation it is; null if it must be taken for ours.</summary>
    public static EmulationFault? Judge(EmulationEvidence evidence)
    {
        // Tasks that wait long are what a stuck processor brings about; what is told before it is not.
        var stuck = Stuck().Match(evidence.HostConsole);
        if (Holds(stuck.Success ? evidence.HostConsole[..stuck.Index] : evidence.HostConsole, Exhaustion))
            return null;
        if (evidence.HostConsole.Contains("Kernel panic", StringComparison.Ordinal))
            return EmulationFault.HostPanicked;
        if (stuck.Success)
            return EmulationFault.HostStuck;
        if (!evidence.HostAnswers)
            return Holds(evidence.HostConsole, Complaints) ? null : EmulationFault.HostSilent;

        // Every start that is told of must have failed so: beside one of ours, the emulation's says nothing.
        EmulationFault? fault = null;
        foreach (var line in evidence.Failure.Split('\n').Where(line => line.Contains(Report,
            StringComparison.Ordinal)))
        {
            fault = JudgeStart(line);
            if (fault is null)
                return null;
        }

        return fault;
    }

    /// <summary>
    /// The same of a machine that holds nothing of ours: a kernel that was to come as far as to miss its root.
    /// </summary>
    public static EmulationFault? JudgeBareKernel(bool timedOut, string printed) =>
        timedOut && !Holds(printed, Complaints) ? EmulationFault.MachineSilent : null;

    private static EmulationFault? JudgeStart(string report)
    {
        if (!report.Contains(WaitingForAgent, StringComparison.Ordinal) || Holds(report, Words)
            || Holds(report, Complaints))
            return null;
        if (report.Contains(Ended, StringComparison.Ordinal))
            return EmulationFault.MachineGone;
        return report.Contains(NoAnswer, StringComparison.Ordinal)
            && !report.Contains("the VMM ended", StringComparison.Ordinal)
            ? EmulationFault.MachineSilent
            : null;
    }

    [GeneratedRegex(@"BUG: soft lockup - CPU#\d+ stuck for \d+s! \[qemu-system-|rcu: INFO: rcu_\w+ (self-detected stall on CPU|detected stalls on CPUs)")]
    private static partial Regex Stuck();

    private static bool Holds(string text, string[] parts) =>
        parts.Any(part => text.Contains(part, StringComparison.OrdinalIgnoreCase));
}
