using System.Text;

namespace Kata.Core.Application.Sandboxes;

/// <summary>What a guest gets where nothing asks for something else.</summary>
internal static class GuestDefaults
{
    /// <summary>Size of /dev/shm, the default of the container engines.</summary>
    public const long ShmBytes = 64 * 1024 * 1024;

    private const int MaxHostnameBytes = 64;

    /// <summary>Linux takes 64 bytes of host name.</summary>
    public static string CutHostname(string name)
    {
        while (Encoding.UTF8.GetByteCount(name) > MaxHostnameBytes)
            name = name[..^1];
        return name;
    }
}
