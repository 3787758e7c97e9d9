namespace Kata.Platform.Linux;

/// <summary>What an error number means for whoever asked, whatever the call was.</summary>
public static class ErrnoMeaning
{
    /// <summary>It exists and could be done, but not by us: a matter of rights.</summary>
    public static bool IsRefusal(this Errno errno) => errno is Errno.EACCES or Errno.EPERM;

    /// <summary>Memory, descriptors, disk space or a quota has run out: later it may succeed.</summary>
    public static bool IsExhaustion(this Errno errno) =>
        errno is Errno.ENOMEM or Errno.ENOBUFS or Errno.EMFILE or Errno.ENFILE or Errno.ENOSPC or Errno.EDQUOT;
}
