namespace Kata.Adapters.Guest.Files;

/// <summary>What containers miss with a daemon that newer ones give. The guest's kernel must do its part too.</summary>
internal static class VirtiofsdLacks
{
    /// <summary>The first that takes on a group of the caller's when it makes a file for him.</summary>
    private static readonly Version SupplementaryGroups = new(1, 7);

    /// <summary>The oldest that is known to have <c>--inode-file-handles</c>.</summary>
    private static readonly Version FileHandles = new(1, 7);

    private const string Groups =
        "users who are not root cannot make files in a folder that is open to them by a supplementary group alone (a "
        + "volume's fsGroup)";

    private const string Room =
        "files that the host deletes keep their room on the disk until the guest forgets them, "
        + "as it is given no --inode-file-handles";

    private const string Threads =
        "a volume whose server hangs holds up every file of the pod, as one request is answered after the other";

    private const string MetadataCache = "virtio_fs_cache \"metadata\" caches nothing";

    /// <summary>
    /// It can find files again by their handles. One that tells no version may be older than the option.
    /// </summary>
    public static bool HasFileHandles(VirtiofsdFlavour flavour, Version? version) =>
        flavour == VirtiofsdFlavour.Rust && version is not null && version >= FileHandles;

    /// <summary>Phrases for a person, none if nothing is missed.</summary>
    public static IReadOnlyList<string> Of(VirtiofsdFlavour flavour, Version? version) => (flavour, version) switch
    {
        (VirtiofsdFlavour.Qemu, _) => [Groups, Room, MetadataCache, Threads],
        (_, null) => [Room],
        _ when version < SupplementaryGroups => [Groups, Room],
        _ => [],
    };
}
