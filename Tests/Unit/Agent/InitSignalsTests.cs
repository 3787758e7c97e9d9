using FluentAssertions;
using Kata.Apps.Agent.Processes;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public class InitSignalsTests
{
    private const string Nothing = "Name:\tsleep\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n";
    private const string Catches = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000004000\n";

    [Fact]
    public void Effective_when_term_would_be_lost_kills() => InitSignals.Effective(15, Nothing).Should().Be(9);

    [Fact]
    public void Effective_when_term_is_caught_stays() => InitSignals.Effective(15, Catches).Should().Be(15);

    [Fact]
    public void Effective_when_the_process_is_gone_stays() => InitSignals.Effective(15, null).Should().Be(15);

    [Fact]
    public void Effective_of_other_signals_stays() => InitSignals.Effective(2, Nothing).Should().Be(2);
}
