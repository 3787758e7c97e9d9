using System.Globalization;

namespace Kata.Tests.EndToEnd.Files;

/// <summary>A program of the folder <c>programs</c>: it prints a line for each thing that it observes.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="File">Its file.</param>
/// <param name="Places">Where it is run in full size.</param>
/// <param name="Soon">Where the short form runs it, smaller.</param>
/// <param name="Parts">Empty, or the parts that containers of the pod run at once, with "after" for what follows
/// them.</param>
internal sealed record FileProgram(
    string Name, string File, IReadOnlyList<string> Places, IReadOnlyList<string> Soon,
    params IReadOnlyList<string> Parts)
{
    public const string After = "after";

    /// <summary>
    /// The short form has each kind of place, and what is quick where the processor is emulated. There Node takes a
    /// minute to start, PostgreSQL some to make its cluster, and git runs many processes: they are for the whole form.
    /// </summary>
    public static IReadOnlyList<FileProgram> All { get; } =
    [
        new("posix", "posix.py", FilePlaces.Ordinary, [FilePlaces.Root, FilePlaces.HostPath]),
        new("libfuse", "fuse-syscalls.sh", FilePlaces.Ordinary, [FilePlaces.HostPath]),
        new("fio", "fio.sh", FilePlaces.Ordinary, [FilePlaces.HostPath]),
        new("git", "git.sh", FilePlaces.Ordinary, []),
        new("archives", "archives.py", FilePlaces.Ordinary, [FilePlaces.Disk]),
        new("inotify", "inotify.py", FilePlaces.Ordinary, [FilePlaces.Memory]),
        new("many", "many.py", FilePlaces.Ordinary, [FilePlaces.Block]),
        new("npm", "npm.sh", FilePlaces.Ordinary, []),
        new("postgres", "postgres.sh", FilePlaces.Ordinary, []),
        new("sqlite", "sqlite.sh", FilePlaces.Shared, [FilePlaces.Disk], "first", "second", After),
        new("peers", "peers.py", FilePlaces.Shared, [FilePlaces.HostPath], "first", "second"),
        new("room", "room.py", [FilePlaces.Small], [FilePlaces.Small]),
        new("source", "source.py",
            [.. FilePlaces.Changing.Keys], [FilePlaces.Changing.Keys.First()], "first", After),
        new("readonly", "readonly.py", [FilePlaces.ReadOnly, FilePlaces.HostReadOnly], [FilePlaces.ReadOnly]),
    ];

    public override string ToString() => Name;
}

/// <summary>What a program printed: what it observed, and what it measured.</summary>
internal sealed class FileReport
{
    private FileReport(IReadOnlyDictionary<string, string> outcomes, IReadOnlyList<string> figures)
    {
        Outcomes = outcomes;
        Figures = figures;
    }

    /// <summary>Outcomes by the names of the observations.</summary>
    public IReadOnlyDictionary<string, string> Outcomes { get; }

    /// <summary>Lines "name: value unit", which no two runs have alike.</summary>
    public IReadOnlyList<string> Figures { get; }

    /// <summary>
    /// Takes in lines "name: outcome" and "= name: value unit"; throws for any other, and for a name twice.
    /// </summary>
    public static FileReport Parse(string printed)
    {
        var outcomes = new Dictionary<string, string>();
        var figures = new List<string>();
        foreach (var line in printed.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("= ", StringComparison.Ordinal))
                figures.Add(line[2..]);
            else if (line.Split(": ", 2) is not [var name, var outcome] || !outcomes.TryAdd(name, outcome.Trim()))
                throw new FormatException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"'{line}' is no observation, or one that was made before, in: {printed}"));
        }

        return new FileReport(outcomes, figures);
    }
}
