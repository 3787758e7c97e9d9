using System.Text;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>The host name of a guest.</summary>
internal static class GuestHostname
{
    // What Linux takes.
    private const int MaxBytes = 64;

    /// <summary>The name, cut to what Linux takes.</summary>
    public static string Cut(string name)
    {
        while (Encoding.UTF8.GetByteCount(name) > MaxBytes)
            name = name[..^1];
        return name;
    }
}
