using Kata.Core.Domain;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest;

/// <summary>
/// Turns what the kernel answered into a kind. No sentence says "no such file or directory": Docker reads that as exit
/// 127.
/// </summary>
internal static class GuestErrors
{
    public static KataException Translate(LinuxException cause, string what) =>
        new(KindOf(cause), $"{what} failed: {Reason(cause)}", cause);

    /// <summary>Files of .NET fail with their own exceptions; the number is in the result code.</summary>
    public static KataException Translate(IOException cause, string what) => cause is LinuxException known
        ? Translate(known, what)
        : new KataException(
            ((Errno)(cause.HResult & 0xFFFF)).IsExhaustion() ? ErrorKind.ResourceExhausted : ErrorKind.Internal,
            $"{what} failed: {cause.Message}",
            cause);

    /// <summary>It was given up: a call that only looks had no answer.</summary>
    public static KataException Stalled(HostPath path) => new(
        ErrorKind.DeadlineExceeded,
        $"{path}, which is mounted into the container, does not answer: its filesystem hangs; "
        + "see to its server, or unmount it (umount -f)");

    private static string Reason(LinuxException cause) => cause.Errno switch
    {
        Errno.ENOENT => $"{cause.Call} {cause.Subject}: it is missing",
        _ => cause.Message,
    };

    private static ErrorKind KindOf(LinuxException cause) => cause switch
    {
        { IsRefusal: true } => ErrorKind.PermissionDenied,
        { IsExhaustion: true } => ErrorKind.ResourceExhausted,
        { Errno: Errno.ENOENT or Errno.ENOTDIR or Errno.EINVAL or Errno.ELOOP or Errno.ENODEV } =>
            ErrorKind.InvalidArgument,
        _ => ErrorKind.Internal,
    };
}
