using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IVmResize"/> keeps to, for a guest that takes what it is given.</summary>
public abstract class VmResizeContract : IAsyncLifetime
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(90));

    protected IVmResize Port { get; private set; } = null!;

    protected CancellationToken Ct => _limit.Token;

    /// <summary>What the machine is launched with.</summary>
    protected static VmResources Start { get; } = new(1, 2, 256, 1024, 2);

    public async Task InitializeAsync() => Port = await LaunchAsync();

    public async Task DisposeAsync()
    {
        await StopAsync();
        _limit.Dispose();
    }

    /// <summary>Launches a machine of that size whose guest runs.</summary>
    protected abstract Task<IVmResize> LaunchAsync();

    /// <summary>Ends it.</summary>
    protected abstract Task StopAsync();

    [Fact]
    public async Task Resize_reaches_what_is_wanted_and_keeps_memory_when_less_is_wanted()
    {
        var grown = await Port.ResizeAsync(Start with { Vcpus = 2, MemoryMib = 512 }, Ct);
        var less = await Port.ResizeAsync(Start, Ct);

        grown.Should().Be(Start with { Vcpus = 2, MemoryMib = 512 });
        less.MemoryMib.Should().Be(512);
        less.Vcpus.Should().BeInRange(1, 2);
    }

    [Fact]
    public async Task Resize_beyond_the_bounds_reaches_the_bounds()
    {
        var reached = await Port.ResizeAsync(Start with { Vcpus = 9, MemoryMib = 4096 }, Ct);

        reached.Should().Be(Start with { Vcpus = 2, MemoryMib = 1024 });
    }

    [Fact]
    public async Task Resize_below_what_the_machine_started_with_leaves_that()
    {
        var reached = await Port.ResizeAsync(Start with { Vcpus = 0, MemoryMib = 1 }, Ct);

        reached.Should().Be(Start);
    }
}
