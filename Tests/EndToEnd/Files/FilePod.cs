using Google.Protobuf;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Pods;
using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Files;

/// <summary>
/// A pod of one of the two runtimes with two containers that have all places, and with the programs of Debian in
/// <c>/usr</c>. What it takes on the private host it gives back.
/// </summary>
internal sealed class FilePod : IAsyncDisposable
{
    // Long enough for the longest program in its full size, in a machine that is emulated.
    private static readonly TimeSpan ProgramLimit = TimeSpan.FromMinutes(14);

    private const long Mebibyte = 1 << 20;
    private const long BlockVolume = 2048 * Mebibyte;

    private readonly PodHost _host;
    private readonly string _handler;
    private readonly List<string> _unmounts = [];
    private readonly Dictionary<string, string> _sources = [];
    private Pod? _pod;
    private string? _announced;

    private FilePod(PodHost host, string handler)
    {
        _host = host;
        _handler = handler;
    }

    public string First { get; private set; } = "";

    public string Second { get; private set; } = "";

    private static string Programs => Path.Combine(Repository.Root, "Tests", "EndToEnd", "Files", "programs");

    private static string Debian => Path.Combine(Repository.Artifacts, "peers", "files", "root", "usr");

    public static async Task<FilePod> StartAsync(PodHost host, string handler, string tools)
    {
        var pod = new FilePod(host, handler);
        try
        {
            await pod.PrepareAsync();
            pod._pod = await Pod.RunAsync(host, handler: handler);
            pod.First = await pod._pod.StartAsync(pod.Container(tools));
            pod.Second = await pod._pod.StartAsync(pod.Container(tools));
            return pod;
        }
        catch
        {
            await pod.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a program in a place: in one container, or its parts in both at once.</summary>
    public async Task<FileReport> RunAsync(FileProgram program, string place, string size)
    {
        var folder = FilePlaces.PathOf(place);
        string[] Line(string part) => [$"/programs/{program.File}", folder, size, part];

        var together = program.Parts.Where(p => p != FileProgram.After)
            .Select((part, number) => ExecAsync(number == 0 ? First : Second, Line(part))).ToList();
        var printed = string.Concat(await Task.WhenAll(together));
        if (FilePlaces.Changing.TryGetValue(place, out var change))
            (await _host.InsideAsync("sh", "-ec", change, "change", _sources[place])).Exited(0);
        if (program.Parts.Count == 0 || program.Parts.Contains(FileProgram.After))
            printed += await ExecAsync(First, Line(FileProgram.After));
        await EmptyAsync(place, folder);
        return FileReport.Parse(printed);
    }

    /// <summary>By the host where it has the files too: there very many are gone at once.</summary>
    private async Task EmptyAsync(string place, string folder)
    {
        if (_sources.TryGetValue(place, out var source) && place is not (FilePlaces.Memory or FilePlaces.Block))
            await _host.InsideAsync("find", source, "-mindepth", "1", "-delete");
        else
            await ExecAsync(First, ["sh", "-c", $"cd '{folder}' && rm -rf -- * .[!.]* 2> /dev/null; :"]);
    }

    private async Task<string> ExecAsync(string container, string[] line)
    {
        var request = new ExecSyncRequest { ContainerId = container, Timeout = (long)ProgramLimit.TotalSeconds };
        request.Cmd.AddRange(line);
        var reply = await _host.Cri.Runtime.ExecSyncAsync(
            request, CriClient.Call(ProgramLimit + TimeSpan.FromSeconds(30)));
        return new Executed(reply.ExitCode, reply.Stdout.ToStringUtf8(), reply.Stderr.ToStringUtf8()).Ok();
    }

    private async Task PrepareAsync()
    {
        _sources[FilePlaces.HostPath] = _host.NewVolume();
        _sources[FilePlaces.Disk] = Below("volumes/kubernetes.io~empty-dir/disk");
        _sources[FilePlaces.Memory] = await MountAsync(
            Below("volumes/kubernetes.io~empty-dir/memory"), "-t", "tmpfs", "-o", "size=700m,mode=0777", "tmpfs");
        _sources[FilePlaces.Small] = await MountAsync(_host.NewVolume(), "-t", "tmpfs", "-o", "size=4m", "tmpfs");
        _sources[FilePlaces.ReadOnly] = await FilledAsync(_host.NewVolume());
        var closed = await FilledAsync(await MountAsync(_host.NewVolume(), "-t", "tmpfs", "-o", "size=1m", "tmpfs"));
        (await _host.InsideAsync("mount", "-o", "remount,ro", closed)).Exited(0);
        _sources[FilePlaces.HostReadOnly] = closed;
        foreach (var place in FilePlaces.Changing.Keys)
            _sources[place] = await FilledAsync(_host.NewVolume());
        _sources[FilePlaces.Block] = await BlockAsync();
    }

    private string Below(string path)
    {
        var folder = Path.Combine(_host.NewVolume(), path);
        Directory.CreateDirectory(folder);
        return folder;
    }

    private async Task<string> MountAsync(string folder, params string[] what)
    {
        (await _host.InsideAsync(["mount", .. what, folder])).Exited(0);
        _unmounts.Add(folder);
        return folder;
    }

    private async Task<string> FilledAsync(string folder)
    {
        (await _host.InsideAsync("sh", "-c", $"cd {folder} && echo told > file && mkdir folder && ln -s file link"))
            .Exited(0);
        return folder;
    }

    /// <summary>An ext4 on a disk of its own: mounted by the host for runc, handed over as the disk for ours.</summary>
    private async Task<string> BlockAsync()
    {
        var image = Path.Combine(_host.NewVolume(), "disk.img");
        await using (var file = File.Create(image))
            file.SetLength(BlockVolume);
        (await Command.RunAsync("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", image]))
            .Exited(0);
        var folder = _host.NewVolume();
        if (_handler == "runc")
            return await MountAsync(folder, "-o", "loop", image);
        (await _host.InsideAsync("kata-runtime", "direct-volume", "add", "--volume-path", folder, "--mount-info",
            $$"""{"volume-type":"block","device":"{{image}}","fstype":"ext4"}""")).Exited(0);
        _announced = folder;
        return folder;
    }

    private ContainerConfig Container(string tools)
    {
        var config = _pod!.NewContainer();
        config.Mounts.AddRange(_sources.Select(s => new Mount
        {
            HostPath = s.Value,
            ContainerPath = FilePlaces.PathOf(s.Key),
            Readonly = s.Key == FilePlaces.ReadOnly,
        }));
        config.Mounts.AddRange(
            new[] { (Debian, "/usr"), (Path.Combine(Debian, "lib"), "/lib"), (Path.Combine(Debian, "lib64"), "/lib64"), (Programs, "/programs"), (tools, "/tools") }
            .Select(m => new Mount { HostPath = m.Item1, ContainerPath = m.Item2, Readonly = true }));
        config.Envs.AddRange(new[]
        {
            ("PATH", "/usr/lib/postgresql/17/bin:/usr/bin:/usr/sbin:/bin"), ("LC_ALL", "C.UTF-8"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        }.Select(e => new KeyValue { Key = e.Item1, Value = ByteString.CopyFromUtf8(e.Item2) }));
        config.Command.Clear();
        config.Command.AddRange(["/bin/sh", "-c", $"mkdir -p {FilePlaces.PathOf(FilePlaces.Root)}; exec sleep 100000"]);
        return config;
    }

    public async ValueTask DisposeAsync()
    {
        if (_pod is not null)
            await _pod.DisposeAsync();
        foreach (var folder in _unmounts.AsEnumerable().Reverse())
            (await _host.InsideAsync("umount", folder)).Exited(0);
        if (_announced is null)
            return;
        (await _host.InsideAsync("kata-runtime", "direct-volume", "remove", "--volume-path", _announced)).Exited(0);
        (await _host.InsideAsync("rmdir", "/run/kata-containers/shared/direct-volumes")).Exited(0);
    }
}
