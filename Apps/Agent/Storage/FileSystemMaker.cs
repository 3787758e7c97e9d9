using Kata.Apps.Agent.Devices;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Storage;

/// <summary>Makes a file system on a disk that the host says is empty.</summary>
internal static class FileSystemMaker
{
    private const string Program = "/usr/bin/busybox";

    /// <summary>
    /// Without a journal, which a volume that goes with its pod needs not. The kernel's ext4 takes it as its own.
    /// </summary>
    public static async Task MakeAsync(BlockNode node, string type, CancellationToken cancellation)
    {
        if (type != "ext4")
        {
            throw AgentRefusals.Unimplemented($"this guest makes ext4 file systems only, not '{type}'");
        }

        if (!File.Exists(Program))
        {
            throw AgentRefusals.Unimplemented("this guest image has no program that makes file systems");
        }

        await using var process = await ProcessSpawner.SpawnAsync(
            new SpawnRequest
            {
                Path = Program,
                Arguments = ["mke2fs", "-F", "-m", "0", "-I", "256", node.Path],
                Environment = []
            }, cancellation);
        var exit = await process.Exited.WaitAsync(cancellation);
        if (!exit.IsSuccess)
        {
            throw new IOException($"no file system could be made on {node.Path}: mke2fs ended with {exit.Status}");
        }
    }
}
