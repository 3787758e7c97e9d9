namespace Kata.Tests.EndToEnd.Containerd;

/// <summary>
/// A runtime that damages its bundle before it becomes the runtime under test: what containerd writes can be broken
/// in no other way, since its clients refuse a broken spec first.
/// </summary>
internal static class BrokenShim
{
    /// <summary>Makes the runtime and gives its name for ctr.</summary>
    public static async Task<string> MakeAsync(PrivateContainerd host, string name, string damage)
    {
        // io.containerd.kata.v2 and io.containerd.kata-broken.v2 both go by their last two parts.
        var real = $"containerd-shim-{TestSettings.Runtime.Split('.')[^2]}-{TestSettings.Runtime.Split('.')[^1]}";
        var kind = $"{TestSettings.Runtime.Split('.')[^2]}-{name}";
        var path = Path.Combine(host.BinDirectory, $"containerd-shim-{kind}-{TestSettings.Runtime.Split('.')[^1]}");
        await File.WriteAllTextAsync(path,
            $"""
            #!/bin/sh
            case " $* " in *" start "*) {damage} ;; esac
            exec {real} "$@"
            """);
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
        return $"io.containerd.{kind}.v2";
    }
}
