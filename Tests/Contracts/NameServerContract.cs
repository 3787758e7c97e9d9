using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="INameServer"/> keeps to.</summary>
public abstract class NameServerContract
{
    protected abstract INameServer Port { get; }

    protected abstract NetworkNamespacePath Namespace { get; }

    /// <summary>A resolv.conf that names that server.</summary>
    protected abstract HostPath ResolvConf(string server);

    /// <summary>Places a server there that answers each question with itself, or sees to it that there is none.</summary>
    protected abstract void Place(bool isThere);

    [Fact]
    public async Task Named_by_a_file_that_has_its_address_and_by_no_other()
    {
        (await Port.IsNamedByAsync(ResolvConf("127.0.0.11"), default)).Should().BeTrue();
        (await Port.IsNamedByAsync(ResolvConf("127.0.0.53"), default)).Should().BeFalse();
        (await Port.IsNamedByAsync(HostPath.Parse("/nowhere/resolv.conf", "file"), default)).Should().BeFalse();
    }

    [Theory]
    [InlineData(false, 3)]
    [InlineData(true, 40_000)]
    public async Task Ask_gives_the_answer_to_that_question(bool byTcp, int length)
    {
        Place(isThere: true);
        var message = new byte[length];
        Random.Shared.NextBytes(message);

        var answer = await Port.AskAsync(Namespace, new NameQuestion(message, byTcp), default);

        answer!.Value.ToArray().Should().Equal(message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Ask_when_there_is_no_server_answers_nothing(bool byTcp)
    {
        Place(isThere: false);

        (await Port.AskAsync(Namespace, new NameQuestion(new byte[3], byTcp), default)).Should().BeNull();
    }
}
