using Kata.Apps.Agent.Storage;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Upkeep;

/// <summary>
/// Files that a host without a shared file system sends piece by piece. Containers can write where they land, so every
/// path is resolved beneath the share, and no link in it is followed.
/// </summary>
internal static class FileCopy
{
    private const uint PermissionBits = 0xFFF;
    private const uint DirectoryPermissionBits = 0x1FF;
    private const uint DefaultDirectoryMode = 0x1ED;

    /// <param name="request">One piece. The file takes its place when the last piece has come.</param>
    /// <param name="share">The directory below which all paths lie.</param>
    public static void Apply(Oci.CopyFileRequest request, string share)
    {
        var relative = Relative(request.Path, share);
        var slash = relative.LastIndexOf('/');
        var (directory, name) = slash < 0 ? ("", relative) : (relative[..slash], relative[(slash + 1)..]);

        Directory.CreateDirectory(share);
        using var root = BeneathPath.Open(share);
        var mode = request.DirMode & DirectoryPermissionBits;
        using var parent = root.CreateDirectory(directory, mode != 0 ? mode : DefaultDirectoryMode);
        var target = $"{parent.DescriptorPath}/{name}";
        switch (request.FileMode & FileStatus.S_IFMT)
        {
            case FileStatus.S_IFDIR:
                MakeDirectory(parent, name, target, request);
                break;
            case FileStatus.S_IFLNK:
                parent.DeleteTree(name);
                parent.CreateLink(name, request.Data.ToStringUtf8());
                Nodes.ChangeOwner(target, (uint)request.Uid, (uint)request.Gid);
                break;
            case FileStatus.S_IFREG or 0:
                WritePiece(parent, name, target, request);
                break;
            default:
                throw AgentRefusals.Invalid($"{request.Path} is neither file, directory nor link");
        }
    }

    private static string Relative(string path, string share)
    {
        var relative = path.StartsWith(share + "/", StringComparison.Ordinal)
            ? path[(share.Length + 1)..].Trim('/')
            : "";
        return relative.Length > 0 && !relative.Split('/').Any(part => part is ".." or "." or "")
            ? relative
            : throw AgentRefusals.Invalid($"'{path}' does not lie below {share}");
    }

    private static void MakeDirectory(BeneathPath parent, string name, string target, Oci.CopyFileRequest request)
    {
        if (FileStatus.TryOf(target, followLink: false) is { IsDirectory: false })
        {
            parent.DeleteFile(name);
        }

        using var directory = parent.CreateDirectory(name);
        Finish(target, request);
    }

    private static void WritePiece(BeneathPath parent, string name, string target, Oci.CopyFileRequest request)
    {
        // Beside the file, under a name of its own, so that no reader sees half of it.
        var temporary = $".{name}.kata-copy";
        if (request.Offset == 0)
        {
            parent.DeleteTree(name);
            parent.DeleteFile(temporary);
        }

        using var file = parent.OpenFile(temporary, OpenFlags.O_WRONLY | OpenFlags.O_CREAT, 0x180);
        RandomAccess.Write(file, request.Data.Span, request.Offset);
        if (RandomAccess.GetLength(file) == request.FileSize)
        {
            var path = $"{parent.DescriptorPath}/{temporary}";
            Finish(path, request);
            File.Move(path, target, overwrite: true);
        }
    }

    private static void Finish(string path, Oci.CopyFileRequest request)
    {
        // The owner first: changing it clears set-id bits.
        Nodes.ChangeOwner(path, (uint)request.Uid, (uint)request.Gid);
        FileModes.Set(path, request.FileMode & PermissionBits);
    }
}
