using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

/// <summary>How a machine grows with what its containers reserve.</summary>
public sealed class MachineSizeTests
{
    private static readonly ContainerId One = ContainerId.Parse("one");
    private static readonly ContainerId Two = ContainerId.Parse("two");

    private readonly MachineSize _size = new(Bounds(), Workload.None);

    [Fact]
    public void Size_at_the_start_is_used_whole()
    {
        var size = new MachineSize(Bounds(), Of(cpus: 1.5m, memoryMib: 100));

        size.Present.Vcpus.Should().Be(3);
        size.Present.MemoryMib.Should().Be(356);
        (size.OnlineVcpus, size.OnlineMemoryMib).Should().Be((3, 356));
    }

    [Fact]
    public void Required_is_the_sum_of_what_is_reserved_and_never_less_than_at_the_start()
    {
        var size = new MachineSize(Bounds(), Of(memoryMib: 100));
        size.Reserve(One, Of(memoryMib: 30));
        size.Required().MemoryMib.Should().Be(100);

        size.Reserve(Two, Of(memoryMib: 90));
        size.Required().MemoryMib.Should().Be(120);
        size.RequiredWith(One, Of(memoryMib: 50)).MemoryMib.Should().Be(140, "a container's second reservation replaces its first");
    }

    [Fact]
    public void KeepOnly_drops_the_reservations_of_those_that_are_gone()
    {
        ReserveBoth();
        _size.KeepOnly(new HashSet<ContainerId> { Two });

        _size.ReservedBy(One).Should().Be(Workload.None);
        _size.Required().MemoryMib.Should().Be(20);

        void ReserveBoth()
        {
            _size.Reserve(One, Of(memoryMib: 10));
            _size.Reserve(Two, Of(memoryMib: 20));
        }
    }

    [Theory]
    [InlineData(0, false, null)]
    [InlineData(2, false, 3)]
    [InlineData(99, false, 8)]
    public void NextVcpus_is_what_is_required_within_the_bounds(int cpus, bool mayShrink, int? expected) =>
        _size.NextVcpus(Of(cpus: cpus), mayShrink).Should().Be(expected);

    [Fact]
    public void NextVcpus_when_fewer_are_required_shrinks_only_if_it_may()
    {
        _size.RecordResize(_size.Present with { Vcpus = 4 });

        _size.NextVcpus(Workload.None, mayShrink: false).Should().BeNull();
        _size.NextVcpus(Workload.None, mayShrink: true).Should().Be(1);
    }

    [Fact]
    public void Machine_that_is_fixed_asks_for_nothing()
    {
        var size = new MachineSize(Bounds(isFixed: true), Workload.None);

        size.NextVcpus(Of(cpus: 3), mayShrink: true).Should().BeNull();
        size.NextMemory(Of(memoryMib: 300), 128).Should().BeNull();
    }

    [Fact]
    public void NextMemory_is_asked_for_in_whole_blocks_until_the_guest_uses_it()
    {
        var required = Of(memoryMib: 100);
        _size.NextMemory(required, 128).Should().Be(384);

        _size.RecordResize(_size.Present with { MemoryMib = 384 });
        _size.NextMemory(required, 128).Should().Be(384, "the VMM has given it and the guest does not use it yet");

        _size.RecordOnlineMemory();
        _size.NextMemory(required, 128).Should().BeNull();
        _size.OnlineMemoryMib.Should().Be(384);
    }

    [Fact]
    public void NextMemory_beyond_the_maximum_is_refused_by_the_key_that_bounds_it()
    {
        var refusal = FluentActions.Invoking(() => _size.NextMemory(Of(memoryMib: 2000), 128))
            .Should().Throw<KataException>().Which;

        refusal.Kind.Should().Be(ErrorKind.ResourceExhausted);
        refusal.Message.Should().Contain("default_maxmemory");
    }

    [Fact]
    public void NextMemory_when_every_slot_is_used_is_refused_by_the_number_of_slots()
    {
        foreach (var mib in new[] { 384, 512 })
        {
            _size.RecordResize(_size.Present with { MemoryMib = mib });
            _size.RecordOnlineMemory();
        }

        FluentActions.Invoking(() => _size.NextMemory(Of(memoryMib: 500), 128))
            .Should().Throw<KataException>().Which.Message.Should().Contain("all 2 memory slots are used");
    }

    [Fact]
    public void RecordResize_when_the_vmm_gave_no_memory_uses_no_slot()
    {
        _size.RecordResize(_size.Present);
        _size.RecordResize(_size.Present with { Vcpus = 2 });
        _size.RecordResize(_size.Present with { MemoryMib = 384 });
        _size.RecordOnlineMemory();

        _size.NextMemory(Of(memoryMib: 200), 128).Should().Be(640, "one of two slots is used, and a late step takes more");
    }

    private static MachineBounds Bounds(bool isFixed = false) => new(1, 8, 256, 1024, 2, isFixed);

    private static Workload Of(decimal cpus = 0, long memoryMib = 0) => new(cpus, memoryMib, CpuList.Empty);
}
