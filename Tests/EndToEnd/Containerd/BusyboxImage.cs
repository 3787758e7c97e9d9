using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Containerd;

/// <summary>An image of one layer made from the host's static busybox, so that no registry is needed.</summary>
internal static class BusyboxImage
{
    public const string Name = "docker.io/library/busybox:e2e";

    private const UnixFileMode Executable =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>What keeps a pod: a container of it does nothing but take in orphans.</summary>
    public const string Pause = "docker.io/library/pause:e2e";

    public static Task WriteAsync(string path) => WriteAsync(path, Name, "sh");

    public static Task WritePauseAsync(string path) =>
        WriteAsync(path, Pause, "sh", "-c", "while :; do sleep 3600; done");

    /// <summary>The files of the image alone, for managers that make an image of an archive.</summary>
    public static async Task WriteFilesAsync(string path) => await File.WriteAllBytesAsync(path, await LayerAsync());

    private static async Task WriteAsync(string path, string name, params string[] command)
    {
        var layer = await LayerAsync();
        var diff = Convert.ToHexStringLower(SHA256.HashData(layer));
        var config =
            $$"""
            {"architecture":"amd64","os":"linux","config":{"Cmd":{{JsonSerializer.Serialize(command)}},"Env":["PATH=/bin"]},
             "rootfs":{"type":"layers","diff_ids":["sha256:{{diff}}"]},"history":[{"created_by":"busybox"}]}
            """;
        var manifest = $$"""[{"Config":"config.json","RepoTags":["{{name}}"],"Layers":["layer.tar"]}]""";

        await using var file = File.Create(path);
        await using var archive = new TarWriter(file, TarEntryFormat.Ustar);
        await AddAsync(archive, "layer.tar", layer);
        await AddAsync(archive, "config.json", Encoding.UTF8.GetBytes(config));
        await AddAsync(archive, "manifest.json", Encoding.UTF8.GetBytes(manifest));
    }

    private static async Task<byte[]> LayerAsync()
    {
        var busybox = new[] { "/bin/busybox", "/usr/bin/busybox" }.First(File.Exists);
        var applets = (await Command.RunAsync(busybox, ["--list"])).Exited(0).Stdout
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);

        var bytes = new MemoryStream();
        await using (var layer = new TarWriter(bytes, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var name in new[] { "bin/", "dev/", "etc/", "proc/", "root/", "sys/", "tmp/", "var/" })
                await layer.WriteEntryAsync(new UstarTarEntry(TarEntryType.Directory, name) { Mode = Executable });
            await AddAsync(layer, "bin/busybox", await File.ReadAllBytesAsync(busybox));
            foreach (var applet in applets.Where(a => a != "busybox"))
                await layer.WriteEntryAsync(
                    new UstarTarEntry(TarEntryType.SymbolicLink, $"bin/{applet}") { LinkName = "busybox" });
            await AddAsync(
                layer, "etc/passwd",
                "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\nweb:x:1000:1001::/tmp:/bin/sh\n"u8.ToArray());
            await AddAsync(
                layer, "etc/group", "root:x:0:\nnogroup:x:65534:\nweb:x:1001:\nshared:x:2000:web\n"u8.ToArray());
        }

        return bytes.ToArray();
    }

    private static Task AddAsync(TarWriter archive, string name, byte[] content) =>
        archive.WriteEntryAsync(new UstarTarEntry(TarEntryType.RegularFile, name)
        {
            Mode = Executable,
            DataStream = new MemoryStream(content),
        });
}
