using System.Globalization;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd.Containerd;

/// <summary>
/// A real containerd for the tests alone: own root, state and socket, and own mount, process and network namespaces
/// with an empty <c>/run</c>. So everything a runtime leaves behind is seen, nothing of the machine's is touched, and
/// the end of the tests ends whatever runs.
/// </summary>
public class PrivateContainerd : IAsyncLifetime
{
    // The first process of the namespace reaps orphans, as a host's does, and lives until its input ends.
    private const string Init =
        """
        mount -t tmpfs tmpfs /run
        mkdir -p /run/lock
        ip link set lo up
        eval "$3"
        trap 'exit 0' TERM
        exec 3<&0
        (while :; do
            containerd --config "$1" --log-level debug >> "$2" 2>&1
            while sleep 0.1; [ -e "$2.down" ]; do :; done
        done) &
        (cat <&3 > /dev/null; kill -TERM 1) &
        while :; do wait; done
        """;

    private readonly Dictionary<string, string> _environment;
    private RunningCommand? _namespace;
    private readonly List<(int From, int To)> _panics = [];
    private int _ids;

    public PrivateContainerd()
        : this($"e2e-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}")
    {
    }

    /// <summary>
    /// A daemon whose clients use this namespace, from these folders of programs, else from the one that the run is
    /// told.
    /// </summary>
    protected PrivateContainerd(string containerdNamespace, params string[] programs)
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("kata-e2e-").FullName;
        Namespace = containerdNamespace;
        Configuration = new KataConfiguration(Path.Combine(Directory, "configuration.toml"));
        BinDirectory = Path.Combine(Directory, "bin");
        System.IO.Directory.CreateDirectory(BinDirectory);
        var told = programs.Length > 0 ? null : TestSettings.ContainerdDirectory;
        string?[] path =
            [BinDirectory, TestSettings.PublishDirectory, told, .. programs, "/usr/local/sbin", "/usr/local/bin",
                "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        _environment = new Dictionary<string, string>
        {
            ["PATH"] = string.Join(':', path.Where(p => p is not null)),
            ["KATA_CONF_FILE"] = Configuration.Path,
            ["CONTAINERD_ADDRESS"] = Path.Combine(Directory, "containerd.sock"),
            ["CONTAINERD_NAMESPACE"] = Namespace,
        };
    }

    public string Directory { get; }

    /// <summary>A folder in front of the daemon's PATH, for stand-ins of a test.</summary>
    public string BinDirectory { get; }

    /// <summary>containerd's namespace of this run.</summary>
    public string Namespace { get; }

    /// <summary>What the cgroups of this run are recognised by.</summary>
    public virtual string Mark => Namespace;

    public string LogFile => Path.Combine(Directory, "containerd.log");

    public string Socket => _environment["CONTAINERD_ADDRESS"];

    /// <summary>Process id, as the machine counts, of the first process of the private namespaces.</summary>
    public int InitPid { get; private set; }

    internal KataConfiguration Configuration { get; }

    public virtual async Task InitializeAsync()
    {
        var config = Path.Combine(Directory, "config.toml");
        await File.WriteAllTextAsync(config, await ConfigurationAsync());
        _namespace = RunningCommand.Start("unshare",
            ["--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "--net", "--kill-child=SIGKILL",
             "busybox", "sh", "-c", Init, "init", config, LogFile, Preparation],
            _environment);
        await Until.TrueAsync(() => _namespace.HasExited || File.Exists(Socket), TimeSpan.FromSeconds(30),
            () => $"containerd did not start: {_namespace.Stderr} {Log()}");
        if (_namespace.HasExited)
            throw new InvalidOperationException($"containerd did not start: {_namespace.Stderr} {Log()}");
        InitPid = int.Parse(
            (await File.ReadAllTextAsync($"/proc/{_namespace.Pid}/task/{_namespace.Pid}/children")).Split(' ')[0],
            CultureInfo.InvariantCulture);
        await Until.TrueAsync(async () => (await CtrAsync("version")).ExitCode == 0, TimeSpan.FromSeconds(30),
            () => $"containerd does not answer: {Log()}");
        await ImportAsync();
    }

    public virtual async Task DisposeAsync()
    {
        var log = Log();
        if (_namespace is not null)
        {
            _namespace.CloseInput();
            await _namespace.ExitAsync(TimeSpan.FromSeconds(20));
            await _namespace.DisposeAsync();
        }

        System.IO.Directory.CreateDirectory(TestSettings.LogDirectory);
        await File.WriteAllTextAsync(Path.Combine(TestSettings.LogDirectory, $"containerd-{Namespace}.log"), log);
        HostPicture.RemoveCgroups(Mark);
        await Command.RunAsync("rm", ["-rf", "--one-file-system", Directory]);
        foreach (var (from, to) in _panics.AsEnumerable().Reverse())
            log = log.Remove(from, Math.Min(to, log.Length) - from);
        foreach (var complaint in new[] { "Kernel panic", "BUG:" })
        {
            if (log.Split('\n').FirstOrDefault(l => l.Contains(complaint, StringComparison.Ordinal)) is { } line)
                throw new InvalidOperationException($"A guest's console holds '{complaint}': {line}");
        }
    }

    /// <summary>Kills the daemon as a crash does, does something while it is away, and lets it come back.</summary>
    public virtual async Task RestartAsync(Func<Task> whileAway)
    {
        var down = LogFile + ".down";
        await File.WriteAllTextAsync(down, "");
        (await InsideAsync("busybox", "killall", "-KILL", "containerd")).Exited(0);
        await whileAway();
        File.Delete(down);
        await Until.TrueAsync(
            async () => (await CtrAsync("version")).ExitCode == 0, TimeSpan.FromSeconds(30),
            () => $"containerd does not come back: {Log()}");
    }

    /// <summary>Until disposed of, a guest may panic without the run failing for it.</summary>
    public IDisposable MayPanic()
    {
        var from = Log().Length;
        return new Ending(() => _panics.Add((from, Log().Length)));
    }

    /// <summary>What the private host does before its daemon starts, in shell.</summary>
    protected virtual string Preparation => ":";

    /// <summary>The environment of the daemon and of all that runs on the private host.</summary>
    protected IDictionary<string, string> Environs => _environment;

    /// <summary>Hands the daemon what tests run.</summary>
    protected virtual Task ImportAsync() => ImportAsync("busybox.tar", BusyboxImage.WriteAsync);

    /// <summary>The daemon's config.toml.</summary>
    protected virtual Task<string> ConfigurationAsync() => Task.FromResult(
        $"""
        version = 2
        root = "{Directory}/root"
        state = "{Directory}/state"
        disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
          "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp",
          "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
          "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.blockfile"]
        [grpc]
          address = "{Socket}"
        """);

    /// <summary>Writes an image and hands it to the daemon.</summary>
    private protected async Task ImportAsync(string name, Func<string, Task> write)
    {
        var image = Path.Combine(Directory, name);
        await write(image);
        (await CtrAsync("image", "import", image)).Exited(0);
    }

    public string NewId(string subject) =>
        $"{Namespace}-{subject}-{Interlocked.Increment(ref _ids).ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Runs ctr to its end.</summary>
    public Task<CommandResult> CtrAsync(params string[] arguments) => InsideAsync(["ctr", .. arguments]);

    public Task<CommandResult> CtrAsync(TimeSpan limit, ReadOnlyMemory<byte> input, params string[] arguments) =>
        Command.RunAsync("nsenter", Enter(["ctr", .. arguments]), input, limit, _environment);

    /// <summary>Starts ctr and leaves it running.</summary>
    public RunningCommand StartCtr(params string[] arguments) => StartInside(["ctr", .. arguments]);

    public RunningCommand StartInside(params string[] line) =>
        RunningCommand.Start("nsenter", Enter(line), _environment);

    /// <summary>Runs a command on the private host.</summary>
    public Task<CommandResult> InsideAsync(params string[] line) => InsideAsync(TestSettings.StartLimit, line);

    /// <inheritdoc cref="InsideAsync(string[])"/>
    public Task<CommandResult> InsideAsync(TimeSpan limit, params string[] line) =>
        Command.RunAsync("nsenter", Enter(line), limit: limit, environment: _environment);

    /// <summary>The words after <c>ctr</c> that run a container of the runtime under test.</summary>
    public static string[] RunArguments(string id, string[] options, params string[] command) =>
        ["run", "--runtime", TestSettings.Runtime, .. options, BusyboxImage.Name, id, .. command];

    /// <summary>Runs a container to its end and removes it.</summary>
    public Task<CommandResult> RunAsync(string id, params string[] command) =>
        CtrAsync(RunArguments(id, ["--rm"], command));

    /// <summary>What a path of the private host is called from outside.</summary>
    public string Seen(string path) => $"/proc/{InitPid}/root{path}";

    public string Log() => File.Exists(LogFile) ? File.ReadAllText(LogFile) : "";

    private sealed class Ending(Action action) : IDisposable
    {
        public void Dispose() => action();
    }

    private string[] Enter(string[] line) =>
        ["--target", InitPid == 0 ? ChildOfNamespace() : InitPid.ToString(CultureInfo.InvariantCulture), "--mount",
            "--pid", "--net", "--", .. line];

    private string ChildOfNamespace() =>
        File.ReadAllText($"/proc/{_namespace!.Pid}/task/{_namespace.Pid}/children").Split(' ')[0];
}
