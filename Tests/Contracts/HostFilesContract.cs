using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IHostFiles"/> keeps to.</summary>
public abstract class HostFilesContract
{
    protected abstract IHostFiles Port { get; }

    /// <summary>A folder of the test's own.</summary>
    protected abstract string Folder { get; }

    [Fact]
    public async Task Look_tells_what_is_there_and_null_where_nothing_is()
    {
        Make("file", HostFileKind.File);
        Make("folder", HostFileKind.Directory);
        MakeNothing("nothing");

        (await LookAsync("file"))!.Kind.Should().Be(HostFileKind.File);
        (await LookAsync("folder"))!.Kind.Should().Be(HostFileKind.Directory);
        (await LookAsync("folder"))!.RealPath.Value.Should().Be($"{Folder}/folder");
        (await LookAsync("folder"))!.FsType.Should().NotBeEmpty();
        (await LookAsync("nothing")).Should().BeNull();
    }

    [Fact]
    public async Task Look_gives_a_file_the_same_identity_each_time_and_another_file_another()
    {
        Make("one", HostFileKind.File);
        Make("two", HostFileKind.File);

        (await LookAsync("one"))!.Identity.Should().NotBeEmpty().And.Be((await LookAsync("one"))!.Identity)
            .And.NotBe((await LookAsync("two"))!.Identity);
    }

    [Fact]
    public async Task Count_stops_once_there_are_too_many()
    {
        Make("full", HostFileKind.Directory, files: 6);

        (await Port.CountAsync(At("full"), 8, default)).Should().Be(6);
        (await Port.CountAsync(At("full"), 6, default)).Should().Be(6);
        (await Port.CountAsync(At("full"), 3, default)).Should().Be(4);
    }

    [Fact]
    public async Task Has_mounts_when_one_lies_below()
    {
        Make("with", HostFileKind.Directory);
        Make("without", HostFileKind.Directory);
        MountBelow("with");

        (await Port.HasMountsAsync(At("with"), default)).Should().BeTrue();
        (await Port.HasMountsAsync(At("without"), default)).Should().BeFalse();
    }

    [Fact]
    public async Task Look_and_count_when_the_filesystem_does_not_answer_are_given_up_by_the_path()
    {
        using var stalled = Stall("stalled");
        foreach (var ask in (Func<CancellationToken, Task>[])[
            ct => Port.LookAsync(At("stalled"), ct), ct => Port.CountAsync(At("stalled"), 8, ct)])
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

            (await FluentActions.Awaiting(() => ask(limit.Token)).Should().ThrowAsync<KataException>()
                .WithMessage($"{Folder}/stalled*not answer*")).Which.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        }
    }

    [Fact]
    public async Task Look_and_count_when_given_up_before_they_begin_blame_no_filesystem()
    {
        Make("folder", HostFileKind.Directory);
        foreach (var ask in (Func<CancellationToken, Task>[])[
            ct => Port.LookAsync(At("folder"), ct), ct => Port.CountAsync(At("folder"), 8, ct)])
        {
            await FluentActions.Awaiting(() => ask(new CancellationToken(canceled: true)))
                .Should().ThrowAsync<OperationCanceledException>();
        }
    }

    [Fact]
    public async Task Block_device_that_the_host_has_not_is_not_found() =>
        (await Port.FindBlockDeviceAsync(new DeviceNumber(4000, 1), default)).Should().BeNull();

    /// <summary>Makes a file, or a directory with so many files in it.</summary>
    protected abstract void Make(string name, HostFileKind kind, int files = 0);

    /// <summary>Sees to it that nothing is there.</summary>
    protected abstract void MakeNothing(string name);

    /// <summary>Mounts another filesystem below a directory.</summary>
    protected abstract void MountBelow(string name);

    /// <summary>Puts a filesystem there that answers nothing.</summary>
    protected abstract IDisposable Stall(string name);

    protected HostPath At(string name) => HostPath.Parse($"{Folder}/{name}", "path");

    protected Task<HostFile?> LookAsync(string name) => Port.LookAsync(At(name), default);
}
