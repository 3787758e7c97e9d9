using System.Text;
using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="ILocalPorts"/> keeps to.</summary>
public abstract class LocalPortsContract
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    protected abstract ILocalPorts Port { get; }

    protected abstract NetworkNamespacePath Namespace { get; }

    /// <summary>Dials, sends that text and ends its side.</summary>
    protected abstract IDialled Dial(int port, string text);

    [Fact]
    public async Task Accept_gives_the_port_and_the_bytes_of_both_directions()
    {
        await using var listener = await Port.ListenAsync(Namespace, default);
        using var dialled = Dial(8080, "question");

        await using var accepted = await listener.AcceptAsync(default).WaitAsync(Patience);
        var question = await new StreamReader(accepted!.Bytes).ReadToEndAsync().WaitAsync(Patience);
        await accepted.Bytes.WriteAsync(Encoding.UTF8.GetBytes("answer"));
        accepted.EndOutput();
        await accepted.DisposeAsync();

        (accepted.Port, question).Should().Be((8080, "question"));
        (await dialled.ReadToEndAsync().WaitAsync(Patience)).Should().Be("answer");
    }

    [Fact]
    public async Task Connections_are_taken_in_turn_and_none_is_lost_by_a_caller_that_gave_up()
    {
        await using var listener = await Port.ListenAsync(Namespace, default);
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
        await listener.Awaiting(l => l.AcceptAsync(soon.Token)).Should().ThrowAsync<OperationCanceledException>();

        using var one = Dial(1, "");
        using var two = Dial(2, "");
        await using var first = await listener.AcceptAsync(default).WaitAsync(Patience);
        await using var second = await listener.AcceptAsync(default).WaitAsync(Patience);

        new[] { first!.Port, second!.Port }.Should().BeEquivalentTo([1, 2]);
    }

    [Fact]
    public async Task Reset_is_seen_by_who_dialled()
    {
        await using var listener = await Port.ListenAsync(Namespace, default);
        using var dialled = Dial(8080, "");
        var accepted = await listener.AcceptAsync(default).WaitAsync(Patience);

        accepted!.Reset();
        await accepted.DisposeAsync();

        await dialled.Awaiting(d => d.ReadToEndAsync().WaitAsync(Patience)).Should().ThrowAsync<IOException>();
    }

    [Fact]
    public async Task Accept_when_the_listener_ends_answers_null_then_and_later()
    {
        var listener = await Port.ListenAsync(Namespace, default);
        var accepting = listener.AcceptAsync(default);

        await listener.DisposeAsync();

        (await accepting.WaitAsync(Patience)).Should().BeNull();
        (await listener.AcceptAsync(default).WaitAsync(Patience)).Should().BeNull();
    }

    /// <summary>The other end.</summary>
    protected interface IDialled : IDisposable
    {
        /// <summary>What comes back; an <see cref="IOException"/> if the connection was reset.</summary>
        Task<string> ReadToEndAsync();
    }
}
