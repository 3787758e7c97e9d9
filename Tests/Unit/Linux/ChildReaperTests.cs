using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class ChildReaperTests
{
    [Fact]
    public async Task Reaper_leaves_known_children_to_their_owners_and_tells_adopted_orphans()
    {
        Prctl.SetChildSubreaper();
        using var reaper = ChildReaper.Start();
        try
        {
            // A shell that leaves a child behind, as crun leaves a container's first process.
            var id = await Orphan("read line; exit 42", out var hold);
            var adopted = reaper.AdoptAsync(id);
            var known = await Task.WhenAll(
                Enumerable.Range(0, 20).Select(i => ProcessSpawner.SpawnAsync(ProcessSpawnerTests.Shell($"exit {i}"))));

            hold.Dispose();

            (await adopted.InTime()).Code.Should().Be(42);
            (await Task.WhenAll(known.Select(process => process.Exited)).InTime()).Select(exit => exit.Code)
                .Should().Equal(Enumerable.Range(0, 20));
        }
        finally
        {
            Prctl.SetChildSubreaper(false);
        }
    }

    [Fact]
    public async Task Adopt_when_the_orphan_has_ended_already_tells_its_end()
    {
        Prctl.SetChildSubreaper();
        using var reaper = ChildReaper.Start();
        try
        {
            var id = await Orphan("read line; exit 43", out var hold);
            using var process = PidFd.Open(id);
            hold.Dispose();
            await process.WaitAsync().InTime();
            while (PidFd.TryOpen(id) is { } still)
            {
                still.Dispose();
                reaper.Drain();
            }

            (await reaper.AdoptAsync(id).InTime()).Code.Should().Be(43);
        }
        finally
        {
            Prctl.SetChildSubreaper(false);
        }
    }

    [Fact]
    public void Ends_when_a_pid_comes_again_are_remembered_as_long_as_any()
    {
        var ends = new EndedOrphans(most: 3);
        ends.Add(7, new ProcessExit(1, 0));
        ends.Take(7);
        ends.Add(7, new ProcessExit(2, 0));
        ends.Add(8, new ProcessExit(3, 0));
        ends.Add(9, new ProcessExit(4, 0));

        ends.Take(7)!.Value.Code.Should().Be(2);
        ends.Take(7).Should().BeNull();
    }

    [Fact]
    public void Ends_when_there_are_too_many_forget_the_one_that_came_first()
    {
        var ends = new EndedOrphans(most: 2);
        foreach (var pid in (int[])[7, 8, 7, 9])
            ends.Add(pid, new ProcessExit(pid, 0));

        ends.Take(8).Should().BeNull();
        ends.Take(7).Should().NotBeNull();
        ends.Take(9).Should().NotBeNull();
    }

    private static Task<int> Orphan(string script, out IDisposable hold)
    {
        var input = Pipe.Create();
        hold = input.Writer;
        return Start();

        async Task<int> Start()
        {
            using var output = Pipe.Create(nonBlockingReader: true);
            await using var shell = await ProcessSpawner.SpawnAsync(
                ProcessSpawnerTests.Shell($"sh -c '{script}' 0<&3 >/dev/null & echo $!") with
                {
                    StandardOutput = output.Writer,
                    Descriptors = [new InheritedDescriptor(input.Reader, 3)],
                });
            input.Reader.Dispose();
            output.Writer.Dispose();
            var text = await ProcessSpawnerTests.ReadToEnd(output.Reader);
            await shell.Exited.InTime();
            return int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
