using System.Globalization;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Docker;

/// <summary>
/// A real dockerd beside a real containerd on the private host, both of one newer Debian suite: networks, rules for
/// packets and published ports are the private host's own, and the end of the tests ends whatever runs.
/// </summary>
public abstract class PrivateDocker : PrivateContainerd
{
    /// <summary>The image that containers run.</summary>
    public const string Image = "busybox:e2e";

    /// <summary>Far more than a daemon takes that works, on a busy host.</summary>
    public static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(20);

    private readonly string _suite;
    private readonly int _oldest;
    private RunningCommand? _dockerd;
    private string _log = "";

    protected PrivateDocker(string suite, int oldest)
        : base(
            "moby", Peers.Programs($"docker-{suite}"), Peers.Programs($"docker-{suite}", "sbin"), Peers.Programs(suite))
    {
        (_suite, _oldest) = (suite, oldest);
        Mark = $"kata-docker-{suite}-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}";
        Environs["DOCKER_HOST"] = "unix:///run/docker.sock";
        Environs["DOCKER_CONFIG"] = Path.Combine(Directory, "client");
    }

    public override string Mark { get; }

    /// <summary>What dockerd said.</summary>
    public string DockerLog => _log + _dockerd?.Stderr;

    public override async Task InitializeAsync()
    {
        await Peers.UnpackAsync(_suite);
        await File.WriteAllTextAsync(Path.Combine(Directory, "dockerd.json"), "{}");
        await base.InitializeAsync();
        await StartDockerAsync();
        var version = (await DockerAsync("version", "--format", "{{.Server.Version}}")).Exited(0).Stdout;
        if (int.Parse(version.Split('.')[0], CultureInfo.InvariantCulture) < _oldest)
            throw new InvalidOperationException($"this is Docker {version.Trim()} and older than {_oldest}");
        var files = Path.Combine(Directory, "files.tar");
        await BusyboxImage.WriteFilesAsync(files);
        (await DockerAsync("import", "--change", "ENV PATH=/bin", files, Image)).Exited(0);
        // One container of runc first: it makes the folders that all share.
        (await DockerAsync("run", "--rm", Image, "true")).Exited(0);
    }

    public override async Task DisposeAsync()
    {
        System.IO.Directory.CreateDirectory(TestSettings.LogDirectory);
        await File.WriteAllTextAsync(Path.Combine(TestSettings.LogDirectory, $"dockerd-{_suite}.log"), DockerLog);
        // With the private host everything of it ends.
        await base.DisposeAsync();
        if (_dockerd is not null)
            await _dockerd.DisposeAsync();
    }

    /// <summary>Kills dockerd as a crash does and starts it again; fails unless it comes up.</summary>
    public async Task RestartDockerAsync()
    {
        (await InsideAsync("busybox", "killall", "-KILL", "dockerd")).Exited(0);
        await _dockerd!.ExitAsync(AnswerLimit);
        _log = DockerLog;
        await _dockerd.DisposeAsync();
        (await InsideAsync("rm", "-f", "/run/docker.pid")).Exited(0);
        await StartDockerAsync();
    }

    /// <summary>A command line of Docker; a client that gets no answer in time fails the test.</summary>
    public Task<CommandResult> DockerAsync(params string[] line) => InsideAsync(AnswerLimit, ["docker", .. line]);

    /// <summary>The same where a machine is started or stopped in between.</summary>
    public Task<CommandResult> StartingAsync(params string[] line) => InsideAsync(["docker", .. line]);

    // Images are dockerd's own.
    protected override Task ImportAsync() => Task.CompletedTask;

    private async Task StartDockerAsync()
    {
        _dockerd = StartInside(
            "dockerd", "--config-file", Path.Combine(Directory, "dockerd.json"),
            "--data-root", Path.Combine(Directory, "docker"), "--exec-root", "/run/docker",
            "--pidfile", "/run/docker.pid", "--host", Environs["DOCKER_HOST"], "--containerd", Socket,
            "--storage-driver", "overlay2", "--cgroup-parent", $"/{Mark}",
            "--init-path", Path.Combine(Peers.Programs("docker-sid"), "tini-static"));
        await Until.TrueAsync(
            async () => _dockerd.HasExited || (await InsideAsync("docker", "version")).ExitCode == 0, AnswerLimit,
            () => $"dockerd does not answer: {DockerLog}");
        if (_dockerd.HasExited)
            throw new InvalidOperationException($"dockerd did not start: {DockerLog}");
    }
}

/// <summary>Docker 26.1 with containerd 1.7, which gives a container its network before it is created.</summary>
public sealed class Docker26() : PrivateDocker("trixie", oldest: 26);

/// <summary>
/// Docker 28.5 or newer, with containerd 2.1, which gives a container its network between create and start.
/// </summary>
public sealed class Docker28() : PrivateDocker("sid", oldest: 28);
