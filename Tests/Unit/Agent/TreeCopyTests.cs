using FluentAssertions;
using Kata.Apps.Agent.Storage;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public sealed class TreeCopyTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-copy-").FullName;

    private string Source => Path.Combine(_directory, "source");

    private string Target => Path.Combine(_directory, "target");

    public TreeCopyTests() => Directory.CreateDirectory(Source);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Update_when_a_link_is_turned_shows_the_new_tree_and_drops_the_old()
    {
        var copy = new TreeCopy(Source, Target);
        Write("..1/key", "old");
        Directory.CreateSymbolicLink(Path.Combine(Source, "..data"), "..1");
        File.CreateSymbolicLink(Path.Combine(Source, "key"), "..data/key");
        copy.Update();
        File.ReadAllText(Path.Combine(Target, "key")).Should().Be("old");

        Write("..2/key", "new");
        Directory.Delete(Path.Combine(Source, "..data"));
        Directory.CreateSymbolicLink(Path.Combine(Source, "..data"), "..2");
        Directory.Delete(Path.Combine(Source, "..1"), recursive: true);
        copy.Update();

        File.ReadAllText(Path.Combine(Target, "key")).Should().Be("new");
        Directory.Exists(Path.Combine(Target, "..1")).Should().BeFalse();
        new FileInfo(Path.Combine(Target, "..data")).LinkTarget.Should().Be("..2");
    }

    [Fact]
    public void Update_when_nothing_has_changed_writes_nothing()
    {
        var copy = new TreeCopy(Source, Target);
        Write("a", "1");
        copy.Update();
        File.WriteAllText(Path.Combine(Target, "a"), "touched");

        copy.Update();

        File.ReadAllText(Path.Combine(Target, "a")).Should().Be("touched");
    }

    [Fact]
    public void Update_when_a_file_becomes_a_directory_follows()
    {
        var copy = new TreeCopy(Source, Target);
        Write("a", "1");
        copy.Update();
        File.Delete(Path.Combine(Source, "a"));
        Write("a/b", "2");

        copy.Update();

        File.ReadAllText(Path.Combine(Target, "a/b")).Should().Be("2");
    }

    [Fact]
    public void Update_when_the_copy_holds_a_link_out_of_it_does_not_write_through_it()
    {
        var copy = new TreeCopy(Source, Target);
        Write("d/a", "1");
        copy.Update();
        var outside = Directory.CreateDirectory(Path.Combine(_directory, "outside")).FullName;
        Directory.Delete(Path.Combine(Target, "d"), recursive: true);
        Directory.CreateSymbolicLink(Path.Combine(Target, "d"), outside);
        Write("d/b", "2");

        FluentActions.Invoking(copy.Update).Should().Throw<IOException>();

        Directory.GetFileSystemEntries(outside).Should().BeEmpty();
    }

    [Fact]
    public void Measure_counts_files_and_bytes()
    {
        Write("a", "12");
        Write("d/b", "345");

        TreeCopy.Measure(Source, 10, 10).Should().Be((2, 5));
        TreeCopy.Measure(Source, 1, 10).Files.Should().BeGreaterThan(1);
    }

    private void Write(string path, string text)
    {
        var file = Path.Combine(Source, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
