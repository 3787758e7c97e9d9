using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Containerd;

/// <summary>
/// A containerd inside a test host, with its own root on the disk that survives, as on a user's machine.
/// </summary>
internal sealed class HostContainerd
{
    // The facts that a runtime could leave, one a line: what a HostPicture holds, for a host that is looked at by
    // shell.
    private const string Picture =
        """
        busybox ps -o pid,args | grep -e containerd-shim- -e qemu-system- -e virtiofsd -e vhost-device | grep -v grep | sed 's/^/process /'
        awk '{print "mount", $5}' /proc/self/mountinfo
        find /run/vc /run/kata-containers /run/containerd/s /run/netns /run/containerd/io.containerd.runtime.v2.task/default -mindepth 1 2> /dev/null |
            grep -v -x -e /run/vc/sbs -e /run/vc/vm -e /run/kata-containers/shared -e /run/kata-containers/shared/sandboxes | sed 's/^/path /'
        find /sys/fs/cgroup -mindepth 1 -type d | grep -v -e ^/sys/fs/cgroup/init -e ^/sys/fs/cgroup/default$ | sed 's/^/cgroup /'
        awk -F: 'NR > 2 {print "device", $1}' /proc/net/dev
        """;

    private readonly TestHostMachine _machine;
    private readonly string _environment;
    private int _ids;

    private HostContainerd(TestHostMachine machine, string environment)
    {
        _machine = machine;
        _environment = environment;
    }

    /// <summary>What the host held once the daemon was up.</summary>
    public string Before { get; private set; } = "";

    /// <summary>
    /// Makes what a test host needs to see: image, configuration and scripts, in a folder it reads from.
    /// </summary>
    public static async Task<string> PrepareAsync()
    {
        // Not below /tmp or /run: there the test host has its own.
        var directory = Path.Combine(Repository.Artifacts, "testhost", $"share-{Guid.NewGuid():N}");
        Directory.CreateDirectory(directory);
        await BusyboxImage.WriteAsync(Path.Combine(directory, "busybox.tar"));
        // Everything there is emulated twice over.
        _ = new KataConfiguration(Path.Combine(directory, "configuration.toml"))
            .With(("agent.kata", "dial_timeout", "90"), ("runtime", "create_container_timeout", "120"));
        await File.WriteAllTextAsync(Path.Combine(directory, "picture.sh"), Picture);
        await File.WriteAllTextAsync(Path.Combine(directory, "config.toml"),
            """
            version = 2
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]
            """);
        return directory;
    }

    public static async Task<HostContainerd> StartAsync(TestHostMachine machine, string directory)
    {
        string?[] path = [TestSettings.PublishDirectory, TestSettings.ContainerdDirectory];
        var environment = $"export PATH={string.Join(':', path.Where(p => p is not null))}:$PATH KATA_CONF_FILE={directory}/configuration.toml;";
        var containerd = new HostContainerd(machine, environment);
        (await machine.RunAsync(
            $"""
            {environment}
            setsid containerd --config {directory}/config.toml --log-level debug > /run/containerd.log 2>&1 < /dev/null &
            for i in $(seq 600); do ctr version > /dev/null 2>&1 && break; sleep 0.1; done
            ctr image ls -q | grep -q . || ctr image import {directory}/busybox.tar
            cp {directory}/picture.sh /run/picture.sh
            """)).Exited(0);
        containerd.Before = await containerd.PictureAsync();
        return containerd;
    }

    public string NewId(string subject) => $"{subject}-{Interlocked.Increment(ref _ids)}";

    public Task<CommandResult> RunAsync(string commandLine, TimeSpan? limit = null) =>
        _machine.RunAsync(_environment + "\n" + commandLine, limit);

    /// <summary>A command line that runs a container of the runtime under test to its end.</summary>
    public static string Run(string id, string command, string options = "--rm") =>
        $"ctr run {options} --runtime {TestSettings.Runtime} {BusyboxImage.Name} {id} {command}";

    public async Task<string> PictureAsync() => (await _machine.RunAsync("sh /run/picture.sh | sort")).Exited(0).Stdout;

    /// <summary>
    /// Waits a while for the host to be as when the daemon had come up; gives the difference, empty if none.
    /// </summary>
    public async Task<string> DifferenceAsync()
    {
        var lines = Before.Split('\n');
        var difference = "";
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var now = (await PictureAsync()).Split('\n');
            difference = string.Join(
                '\n', [.. now.Except(lines).Select(l => "+ " + l), .. lines.Except(now).Select(l => "- " + l)]);
            if (difference.Length == 0)
                return difference;
            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        return difference;
    }

    public async Task KeepLogAsync(string name)
    {
        Directory.CreateDirectory(TestSettings.LogDirectory);
        await File.WriteAllTextAsync(
            Path.Combine(TestSettings.LogDirectory, $"{name}.log"),
            (await _machine.RunAsync("cat /run/containerd.log")).Stdout);
    }
}
