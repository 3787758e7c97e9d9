using Kata.Platform.Protos.Agent;

namespace Kata.Tests.Parity.AgentCalls;

/// <summary>What a shim puts into the share for the containers of a life.</summary>
internal static class SharedFiles
{
    private const string Prefix = "/run/kata-containers/shared/containers/";

    private const UnixFileMode Executable =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    // The programs that the recorded guest knew. An init that has no handler for a signal does not get it.
    private static readonly Dictionary<string, string> Programs = new()
    {
        ["bin/exit"] = "exit $1",
        // On a terminal by lines, one of which ends it; else what is read at once is written at once, as the one
        // recorded read of two lines wants it.
        ["bin/cat"] =
            "[ -t 0 ] || exec busybox cat; while read -r line; do [ \"$line\" = exit ] && exit 0; echo \"$line\"; done",
        ["bin/sleep"] =
            """
            trap 'exit 143' TERM
            trap : USR1
            busybox sleep "$1" &
            while kill -0 $!; do wait $!; done
            """,
        ["pause"] = "while :; do /bin/busybox sleep 1000; done",
    };

    /// <summary>Roots, and the sources of the bind mounts.</summary>
    public static void Write(string share, IEnumerable<AgentCall> calls)
    {
        foreach (var request in calls.Select(call => call.Message).OfType<CreateContainerRequest>())
        {
            WriteRoot(Path.Combine(share, request.ContainerId, "rootfs"));
            foreach (var mount in request.OCI.Mounts.Where(mount => mount.Source.StartsWith(Prefix,
                StringComparison.Ordinal)))
            {
                var source = Path.Combine(share, mount.Source[Prefix.Length..]);
                if (mount.Destination.StartsWith("/etc/", StringComparison.Ordinal))
                    File.WriteAllText(source, "");
                else
                    Directory.CreateDirectory(source);
            }
        }
    }

    private static void WriteRoot(string root)
    {
        foreach (var name in new[] { "bin", "dev", "etc", "proc", "sys", "tmp", "root", "run" })
            Directory.CreateDirectory(Path.Combine(root, name));
        var busybox = Path.Combine(root, "bin", "busybox");
        File.Copy(new[] { "/bin/busybox", "/usr/bin/busybox" }.First(File.Exists), busybox);
        File.SetUnixFileMode(busybox, Executable);
        foreach (var name in new[] { "sh", "echo" })
            File.CreateSymbolicLink(Path.Combine(root, "bin", name), "busybox");
        foreach (var (name, script) in Programs)
        {
            var path = Path.Combine(root, name);
            File.WriteAllText(path, $"#!/bin/sh\n{script}\n");
            File.SetUnixFileMode(path, Executable);
        }
    }
}
