namespace Kata.Apps.Agent.Storage;

/// <summary>Permission bits as the wire has them, with set-id and sticky.</summary>
internal static class FileModes
{
    public static uint Get(string path) =>
        OperatingSystem.IsLinux() ? (uint)File.GetUnixFileMode(path) : throw new PlatformNotSupportedException();

    public static void Set(string path, uint mode)
    {
        // The guard tells the analyzer what is always so.
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(path, (UnixFileMode)mode);
        }
    }
}
