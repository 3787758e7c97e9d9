using FluentAssertions;
using Kata.Adapters.Guest.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>
/// What a ledger and a timeline on disk keep to over a long life and a full disk. Needs root, for the mount.
/// </summary>
[Trait("category", "real")]
public sealed class ResourceLedgerFileTests : IDisposable
{
    private const int Lives = 2000;
    private const long Bound = 256 * 1024;

    private static readonly StateHeader Header = new(StateHeader.Current, "boot", "tests", "/run/containerd.sock");
    private static readonly AcquiredResource Kept = new(ResourceKind.Directory, "/kept");

    private readonly string _folder = Directory.CreateTempSubdirectory("kata-ledger-").FullName;

    public void Dispose()
    {
        Mounts.UnmountTree(_folder);
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Ledger_of_a_pod_whose_container_lives_again_and_again_stays_small_and_right()
    {
        var path = $"{_folder}/ledger";
        using var ledger = ResourceLedgerFile.Create(path, Header);
        ledger.Record(Kept);

        for (var life = 0; life < Lives; life++)
            Live(ledger, life);

        new FileInfo(path).Length.Should().BeLessThan(Bound);
        Directory.GetFiles(_folder).Should().Equal(path);
        var (left, header) = ResourceLedgerFile.TryOpen(path)!.Value;
        using (left)
            left.Read().Held.Should().Equal(ledger.Read().Held).And.HaveCount(1);
        header.Should().Be(Header);
    }

    [Fact]
    public void Ledger_that_is_larger_than_any_is_read_all_the_same()
    {
        var path = $"{_folder}/ledger";
        ResourceLedgerFile.Create(path, Header).Dispose();
        var taken = """{"kind":"Tap","name":"tap0"}""";
        File.AppendAllLines(path, Enumerable.Repeat($"{taken}{new string(' ', 4000)}", 5000));

        ResourceLedgerFile.TryReadHeld(path)!.Held.Should().Equal(new AcquiredResource(ResourceKind.Tap, "tap0"));
    }

    [Fact]
    public void Record_after_a_disk_was_full_is_not_lost_with_the_line_that_was_torn()
    {
        Mounts.Mount("tmpfs", _folder, "tmpfs", MountFlags.None, "size=64k");
        var path = $"{_folder}/ledger";
        var ballast = $"{_folder}/ballast";
        using var ledger = ResourceLedgerFile.Create(path, Header);
        ledger.Record(Kept);
        Fill(ballast);
        ledger.Invoking(full => RecordUntilRefused(full)).Should().Throw<KataException>();
        var before = ledger.Read().Held;
        File.ReadAllText(path).Should().NotEndWith("\n");
        File.Delete(ballast);
        var next = new AcquiredResource(ResourceKind.Tap, "tap0");

        ledger.Record(next);

        ResourceLedgerFile.TryReadHeld(path)!.Held.Should().Equal([.. before, next]);
    }

    [Fact]
    public void Record_in_a_ledger_that_another_process_left_torn_is_not_lost()
    {
        var path = $"{_folder}/ledger";
        ResourceLedgerFile.Create(path, Header).Dispose();
        File.AppendAllText(path, """{"kind":"Mount","na""");
        var next = new AcquiredResource(ResourceKind.Tap, "tap0");

        using (var left = ResourceLedgerFile.TryOpen(path)!.Value.Ledger)
            left.Record(next);

        ResourceLedgerFile.TryReadHeld(path)!.Held.Should().Equal(next);
    }

    // About what one life of a pod's container takes and gives back.
    private static void Live(ResourceLedgerFile ledger, int life)
    {
        var taken = Enumerable.Range(0, 12).Select(part => new AcquiredResource(
            ResourceKind.Mount,
            $"/run/kata-containers/shared/sandboxes/{new string('p', 64)}/mounts/{new string('c', 64)}-{life}-{part}")
        {
            Owner = ContainerId.Parse($"c{life}"),
        }).ToList();
        taken.ForEach(ledger.Record);
        taken.ForEach(ledger.Forget);
    }

    private static void RecordUntilRefused(ResourceLedgerFile ledger)
    {
        for (var i = 0; i < 1000; i++)
            ledger.Record(new AcquiredResource(ResourceKind.Mount, $"/{new string('m', 100)}{i}"));
    }

    private static void Fill(string path)
    {
        using var file = File.Create(path);
        try
        {
            while (true)
            {
                file.Write(new byte[4096]);
                file.Flush();
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }
}
