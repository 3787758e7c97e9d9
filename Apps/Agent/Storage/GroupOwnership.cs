using Kata.Platform.Linux;
using Kata.Platform.Protos.Agent;
using Microsoft.Win32.SafeHandles;

namespace Kata.Apps.Agent.Storage;

/// <summary>Gives a volume to a group, as Kubernetes' <c>fsGroup</c> asks.</summary>
internal static class GroupOwnership
{
    private const uint SetGroupId = 0x400;
    private const uint ReadWrite = 0x1B0;
    private const uint ReadOnly = 0x120;
    private const uint Enter = 0x48;

    /// <summary>
    /// Links are left alone: what they lead to may lie outside, and what lies inside has its turn anyway.
    /// </summary>
    public static void Give(string root, uint group, FSGroupChangePolicy policy, bool readOnly)
    {
        var mask = readOnly ? ReadOnly : ReadWrite;
        if (policy == FSGroupChangePolicy.OnRootMismatch
            && IsGiven(FileStatus.Of(root, followLink: false), group, mask))
        {
            return;
        }

        using var directory = BeneathPath.Open(root);
        GiveTree(directory, group, mask);
        // The top last: who finds it given may take it that all below it is.
        GiveOne(directory.DescriptorPath, FileStatus.Of(directory.Handle), group, mask);
    }

    /// <summary>The permissions that a file or directory gets in addition to its own.</summary>
    public static uint Mode(FileStatus status, uint mask) =>
        status.Permissions | mask | (status.IsDirectory ? Enter | SetGroupId : 0);

    private static bool IsGiven(FileStatus status, uint group, uint mask) =>
        status.GroupId == group && status.Permissions == Mode(status, mask);

    private static void GiveTree(BeneathPath directory, uint group, uint mask)
    {
        foreach (var name in directory.Names())
        {
            using var entry = TryOpen(directory, name);
            if (entry is null)
            {
                continue;
            }

            var status = FileStatus.Of(entry);
            if (status.IsDirectory)
            {
                using var inner = directory.OpenDirectory(name);
                GiveTree(inner, group, mask);
                GiveOne(inner.DescriptorPath, status, group, mask);
            }
            else if (!status.IsLink)
            {
                GiveOne($"/proc/self/fd/{entry.DangerousGetHandle()}", status, group, mask);
            }
        }
    }

    /// <summary>
    /// Null for what has gone in the meantime, and for a link that the kernel does not even open itself.
    /// </summary>
    private static SafeFileHandle? TryOpen(BeneathPath directory, string name)
    {
        try
        {
            return directory.TryOpenFile(name, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW);
        }
        catch (LinuxException e) when (e.Errno == Errno.ELOOP)
        {
            return null;
        }
    }

    /// <param name="path">A magic link of ours, which leads to exactly the opened file.</param>
    private static void GiveOne(string path, FileStatus status, uint group, uint mask)
    {
        Nodes.ChangeOwnerOfTarget(path, uint.MaxValue, group);
        Nodes.ChangeMode(path, Mode(status, mask));
    }
}
