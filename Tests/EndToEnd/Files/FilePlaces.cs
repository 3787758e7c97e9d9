namespace Kata.Tests.EndToEnd.Files;

/// <summary>The places in a container that programs are run in.</summary>
internal static class FilePlaces
{
    public const string Root = "root";
    public const string HostPath = "hostPath";
    public const string Disk = "disk emptyDir";
    public const string Memory = "memory emptyDir";
    public const string Block = "block volume";

    /// <summary>A hostPath that is a file system of 4 MiB.</summary>
    public const string Small = "small hostPath";

    /// <summary>A hostPath that the container has read-only.</summary>
    public const string ReadOnly = "read-only hostPath";

    /// <summary>A hostPath whose file system is mounted read-only on the host.</summary>
    public const string HostReadOnly = "hostPath read-only on the host";

    /// <summary>
    /// hostPaths to whose folder the host does something while the containers run, by what it does: shell, in which
    /// <c>$1</c> is the folder.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Changing { get; } = new Dictionary<string, string>
    {
        ["hostPath that the host removes"] = "rm -r $1",
        ["hostPath that the host replaces"] = "mv $1 $1.old && mkdir $1 && echo another > $1/file",
        ["hostPath that the host writes"] =
            "echo 'told anew' > $1/file && chmod 600 $1/file && echo more > $1/more && ln $1/file $1/again && rm $1/link && mv $1/folder $1/moved",
        ["hostPath whose file the host replaces"] = "echo another > $1/.next && mv $1/.next $1/file",
    };

    /// <summary>Those in which every program runs.</summary>
    public static IReadOnlyList<string> Ordinary { get; } = [Root, HostPath, Disk, Memory, Block];

    /// <summary>Those that other containers of the pod have too.</summary>
    public static IReadOnlyList<string> Shared { get; } = [HostPath, Disk, Memory, Block];

    /// <summary>What a place is called in the container.</summary>
    public static string PathOf(string place) => "/places/" + place.Replace(' ', '-');
}
