namespace Kata.Core.Domain.Storage;

/// <summary>A mount to be made on the host, in fstab words, as a container manager gives it.</summary>
public sealed record MountSpec(string Type, string Source, string Target, IReadOnlyList<string> Options)
{
    private const string UserMap = "uidmap=";
    private const string GroupMap = "gidmap=";

    /// <summary>
    /// The files are to appear with other owners, those of a user namespace. No file system takes these words.
    /// </summary>
    public bool MapsOwners =>
        Options.Any(
            o => o.StartsWith(UserMap, StringComparison.Ordinal) || o.StartsWith(GroupMap, StringComparison.Ordinal));
}
