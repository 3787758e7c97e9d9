using System.Text;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// What a breaking shim says last: a file in the bundle, whose head <c>delete</c> passes on to the daemon's log.
/// </summary>
internal static class PanicLog
{
    private const int MaxHead = 1024 * 1024;

    /// <summary>Catches what nobody else does.</summary>
    public static void Install(string bundle) =>
        AppDomain.CurrentDomain.UnhandledException += (_, e) => Write(bundle, e.ExceptionObject);

    /// <summary>Writes it, if that is possible at all.</summary>
    public static void Write(string bundle, object reason)
    {
        try
        {
            File.WriteAllText(Path.Combine(bundle, BundleFiles.Panic), reason + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The bundle is gone.
        }
    }

    /// <summary>The head of what was written; null if nothing was.</summary>
    public static string? ReadHead(string bundle)
    {
        try
        {
            using var file = File.OpenHandle(Path.Combine(bundle, BundleFiles.Panic));
            var bytes = new byte[Math.Min(RandomAccess.GetLength(file), MaxHead)];
            var count = RandomAccess.Read(file, bytes, 0);
            return Encoding.UTF8.GetString(bytes, 0, count);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
