using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Storage;

/// <summary>
/// A copy of a small directory tree that is brought up to date from time to time. Files first, then links, then what
/// has gone: so a tree that is changed by turning one link, as Kubernetes does it, changes at once in the copy too.
/// </summary>
internal sealed class TreeCopy(string source, string target)
{
    private const uint DirectoryMode = 0x1ED;
    private const string TemporaryPrefix = ".kata-copy-";

    private Dictionary<string, Entry> _known = new(StringComparer.Ordinal);

    public string Source => source;

    public string Target => target;

    /// <summary>
    /// How much there is to copy: files and links, and bytes. Stops counting above the limit, where it is too much
    /// anyway.
    /// </summary>
    public static (int Files, long Bytes) Measure(string directory, int mostFiles, long mostBytes)
    {
        var (files, bytes) = (0, 0L);
        foreach (var (_, entry) in List(directory, ""))
        {
            files += entry.IsDirectory ? 0 : 1;
            bytes += entry.Size;
            if (files > mostFiles || bytes > mostBytes)
            {
                break;
            }
        }

        return (files, bytes);
    }

    /// <summary>Copies what has changed since the last time. What cannot be read is as if it were not there.</summary>
    public void Update()
    {
        Directory.CreateDirectory(target);
        using var root = BeneathPath.Open(target);
        var now = List(source, "").ToDictionary(pair => pair.Path, pair => pair.Entry, StringComparer.Ordinal);
        // Parents come before what is in them.
        foreach (var (path, entry) in now.Where(pair => !pair.Value.IsLink))
        {
            if (!_known.TryGetValue(path, out var before) || before != entry)
            {
                Replace(root, path, entry, before);
            }
        }

        foreach (var (path, entry) in now.Where(pair => pair.Value.IsLink))
        {
            if (!_known.TryGetValue(path, out var before) || before.Link != entry.Link)
            {
                Replace(root, path, entry, before);
            }
        }

        foreach (var path in _known.Keys.Where(path => !now.ContainsKey(path)))
        {
            root.DeleteTree(path);
        }

        _known = now;
    }

    private static IEnumerable<(string Path, Entry Entry)> List(string directory, string prefix)
    {
        string[] names;
        try
        {
            names = Directory.GetFileSystemEntries(directory);
        }
        catch (IOException)
        {
            yield break;
        }

        foreach (var path in names.Order(StringComparer.Ordinal))
        {
            if (Read(path) is not { } entry)
            {
                continue;
            }

            var relative = prefix + Path.GetFileName(path);
            yield return (relative, entry);
            if (entry.IsDirectory)
            {
                foreach (var inner in List(path, relative + "/"))
                {
                    yield return inner;
                }
            }
        }
    }

    private static Entry? Read(string path)
    {
        try
        {
            if (FileStatus.TryOf(path, followLink: false) is not { } status
                || !(status.IsDirectory || status.IsRegular || status.IsLink))
            {
                return null;
            }

            return new Entry
            {
                Type = status.Type,
                Permissions = status.Permissions,
                UserId = status.UserId,
                GroupId = status.GroupId,
                Size = status.IsRegular ? status.Size : 0,
                Inode = status.IsRegular ? status.Inode : 0,
                Changed = status.IsRegular ? File.GetLastWriteTimeUtc(path).Ticks : 0,
                Link = status.IsLink ? new FileInfo(path).LinkTarget : null,
            };
        }
        catch (IOException)
        {
            return null;
        }
    }

    private void Replace(BeneathPath root, string path, Entry entry, Entry? before)
    {
        var slash = path.LastIndexOf('/');
        var (directory, name) = slash < 0 ? ("", path) : (path[..slash], path[(slash + 1)..]);
        using var parent = root.CreateDirectory(directory, DirectoryMode);
        if (before is not null && before.Type != entry.Type)
        {
            parent.DeleteTree(name);
        }

        var final = $"{parent.DescriptorPath}/{name}";
        if (entry.IsDirectory)
        {
            using var made = parent.CreateDirectory(name, DirectoryMode);
            Finish(final, entry);
            return;
        }

        var temporaryName = TemporaryPrefix + name;
        var temporary = $"{parent.DescriptorPath}/{temporaryName}";
        parent.DeleteTree(temporaryName);
        if (entry.IsLink)
        {
            parent.CreateLink(temporaryName, entry.Link!);
            Nodes.ChangeOwner(temporary, entry.UserId, entry.GroupId);
        }
        else
        {
            using (var file = parent.CreateFile(temporaryName, 0x180))
            using (var original = File.OpenRead(Path.Combine(source, path)))
            using (var copy = new FileStream(file, FileAccess.Write))
            {
                original.CopyTo(copy);
            }

            Finish(temporary, entry);
        }

        Nodes.Rename(temporary, final);
    }

    private static void Finish(string path, Entry entry)
    {
        // The owner first: changing it clears set-id bits.
        Nodes.ChangeOwner(path, entry.UserId, entry.GroupId);
        FileModes.Set(path, entry.Permissions);
    }

    private sealed record Entry
    {
        public required uint Type { get; init; }
        public required uint Permissions { get; init; }
        public required uint UserId { get; init; }
        public required uint GroupId { get; init; }
        public required long Size { get; init; }
        public required ulong Inode { get; init; }
        public required long Changed { get; init; }
        public required string? Link { get; init; }

        public bool IsDirectory => Type == FileStatus.S_IFDIR;

        public bool IsLink => Type == FileStatus.S_IFLNK;
    }
}
