using FluentAssertions;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.Unit.Gate;

public sealed class EmulationRuleTests
{
    private const string Quiet = "[    1.234567] kvm: Nested Virtualization enabled\n";
    private const string Firmware = "SeaBIOS (version 1.16.2-debian-1.16.2-1)";
    private const string Silent = "the agent did not answer within 90 s (dial_timeout): connect to vsock 3:1024: timed out";
    private const string Gone = "the virtual machine ended before its agent answered";

    /// <summary>What was seen of the emulation: no word of the guest, or of its kernel before it hands over.</summary>
    public static TheoryData<string, EmulationFault> Emulations => new()
    {
        { Start(Silent), EmulationFault.MachineSilent },
        { Start(Silent, console: [Firmware, "Booting from ROM.."]), EmulationFault.MachineSilent },
        { Start(Gone, new VmmEnd(0, null), [Firmware, "Booting from ROM.."]), EmulationFault.MachineGone },
        { Start(Silent, console: ["[    0.612345] x86/fpu: x87 FPU will use FXSAVE"]), EmulationFault.MachineSilent },
        { Start(Gone, new VmmEnd(0, null)), EmulationFault.MachineGone },
        { $"Expected 0, but found 1: {Start(Silent)}\n{Start(Silent)}", EmulationFault.MachineSilent },
    };

    /// <summary>The same ends where our code may be the cause.</summary>
    public static TheoryData<string> Ours => new()
    {
        // The agent had taken over: it hangs, or switched the machine off.
        Start(Silent, console: [Firmware, "Booting from ROM..kata-agent: takes over from the kernel"]),
        Start(
            Silent,
            console: [Firmware, "Booting from ROM..kata-agent: takes over from the kernel",
                "kata-agent: listening on vsock port 1024"]),
        Start(Gone, new VmmEnd(0, null), ["kata-agent: takes over from the kernel", "kata-agent: powering off"]),
        // It failed, and the kernel with it.
        Start(Gone, new VmmEnd(0, null), ["Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100"]),
        Start(Silent, console: ["kata-agent: fatal: System.IO.IOException: Broken pipe"]),
        // No initrd, or a wrong one.
        Start(
            Silent,
            console: ["VFS: Cannot open root device", "Kernel panic - not syncing: VFS: Unable to mount root fs"]),
        // The VMM refuses what we gave it, crashes, or is killed.
        Start(Gone, new VmmEnd(1, null), errors: ["qemu-system-x86_64: -device foo: not a valid device"]),
        Start(Gone, new VmmEnd(1, null)),
        Start(Gone, new VmmEnd(null, 11)),
        Start(Gone, new VmmEnd(0, null), errors: ["KVM: entry failed, hardware error 0x80000021"]),
        // The file daemon ended, while the machine did not.
        Start("virtiofsd has ended: exit status 1"),
        // Another phase.
        Start("create_container_timeout", phase: "launch-vmm"),
        Start(Silent, phase: "guest-network"),
        Start(Gone, new VmmEnd(0, null), phase: "open-sandbox"),
        // After the agent answered.
        "the VM is lost: the guest failed its health checks: the guest agent did not answer Check within 30 s; guest console: ",
        "the VM is lost: the VMM ended with exit status 0; guest console: ",
        "ctr: the guest agent refused CreateContainer: crun create: open executable: Permission denied: unknown",
        "Expected difference to be empty, but found \"+ mount /run/vc\"",
        "`ctr run` did not end in the test host within 180 s",
        // One of ours beside the emulation's.
        $"{Start(Silent)}\n{Start(Silent, console: ["kata-agent: takes over from the kernel"])}",
    };

    [Theory]
    [MemberData(nameof(Emulations))]
    public void Judge_when_a_machine_stops_before_our_code_excuses_it(string failure, EmulationFault fault) =>
        EmulationRule.Judge(new EmulationEvidence(failure, Quiet, HostAnswers: true)).Should().Be(fault);

    [Theory]
    [MemberData(nameof(Ours))]
    public void Judge_when_our_code_may_be_the_cause_excuses_nothing(string failure) =>
        EmulationRule.Judge(new EmulationEvidence(failure, Quiet, HostAnswers: true)).Should().BeNull();

    [Theory]
    [InlineData("[   61.2] Kernel panic - not syncing: Fatal exception in interrupt", false,
        EmulationFault.HostPanicked)]
    [InlineData("[   61.2] Kernel panic - not syncing: Fatal exception\n", true, EmulationFault.HostPanicked)]
    [InlineData(Quiet, false, EmulationFault.HostSilent)]
    [InlineData("[  125.950575] watchdog: BUG: soft lockup - CPU#0 stuck for 52s! [qemu-system-x86:366]", true,
        EmulationFault.HostStuck)]
    [InlineData("[  125.950575] watchdog: BUG: soft lockup - CPU#0 stuck for 52s! [qemu-system-x86:366]", false,
        EmulationFault.HostStuck)]
    [InlineData("[   61.2] Out of memory: Killed process 300\n[   99.2] watchdog: BUG: soft lockup - CPU#0 stuck for 52s! [qemu-system-x86:366]", true, null)]
    [InlineData("[  225.98] rcu: INFO: rcu_preempt self-detected stall on CPU\n[  225.98] rcu: \t1-....: (5250 ticks this GP)", true, EmulationFault.HostStuck)]
    [InlineData("[  225.98] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n[  362.1] INFO: task sh:9 blocked for more than 120 seconds.", true, EmulationFault.HostStuck)]
    [InlineData("[  202.1] INFO: task sh:9 blocked for more than 120 seconds.\n[  225.98] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", true, null)]
    [InlineData("[   61.2] Kernel panic - not syncing: System is deadlocked on memory", false, null)]
    [InlineData("[   61.2] Out of memory: Killed process 300 (containerd-shim)", false, null)]
    [InlineData("[  241.2] INFO: task qemu-system-x86:300 blocked for more than 120 seconds.", false, null)]
    [InlineData("[   61.2] BUG: soft lockup - CPU#0 stuck for 26s! [containerd-shim:300]", false, null)]
    public void Judge_when_the_host_itself_stops_looks_at_its_kernels_words(
        string console, bool answers, EmulationFault? fault) =>
        EmulationRule.Judge(new EmulationEvidence("`true` did not end in the test host", console, answers))
            .Should().Be(fault);

    [Theory]
    [InlineData(true, "", EmulationFault.MachineSilent)]
    [InlineData(true, "SeaBIOS (version 1.16.2-debian-1.16.2-1)\nBooting from ROM..", EmulationFault.MachineSilent)]
    [InlineData(true, "[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs", null)]
    [InlineData(false, "", null)]
    public void Judge_when_a_bare_kernel_stops_excuses_only_silence(
        bool timedOut, string printed, EmulationFault? fault) =>
        EmulationRule.JudgeBareKernel(timedOut, printed).Should().Be(fault);

    [Fact]
    public void Take_when_excuses_are_used_up_refuses_and_tells_each()
    {
        var told = new StringWriter();
        var excuses = new EmulationExcuses(2, told);

        var taken = new[] { 1, 2, 3 }.Select(_ => excuses.Take(EmulationFault.MachineSilent, "a test")).ToArray();

        taken.Should().Equal(true, true, false);
        told.ToString().TrimEnd().Split('\n').Should().Equal(
            "EMULATION MachineSilent, excuse 1 of at most 2, once more: a test",
            "EMULATION MachineSilent, excuse 2 of at most 2, once more: a test",
            "EMULATION MachineSilent, but 2 excuses are used up: a test");
    }

    // As the shim tells it, by its own words.
    private static string Start(
        string cause, VmmEnd? end = null, string[]? console = null, string[]? errors = null, string phase = "agent")
    {
        var report = new FailureReport
        {
            Phase = phase,
            After = TimeSpan.FromSeconds(90),
            Vmm = end,
            Console = console ?? [],
            VmmErrors = errors ?? []
        };
        return "ctr: " + report.Describe(cause) + ": unknown";
    }
}
