using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd.Docker;

/// <summary>What Docker's users do first, by its own command line; the host as before after every test.</summary>
[Trait("category", "matrix")]
public abstract class DockerTests(PrivateDocker docker) : IAsyncLifetime
{
    private HostUnchanged? _unchanged;

    private PrivateDocker Docker { get; } = docker;

    public Task InitializeAsync()
    {
        _unchanged = new HostUnchanged(Docker);
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => _unchanged!.AssertAsync(GetType().Name);

    [Fact]
    public async Task Run_prints_on_both_streams_and_gives_the_exit_code()
    {
        var run = await Docker.StartingAsync(Words(
            "run", "--rm", "--network", "none", PrivateDocker.Image, "sh", "-c", "echo out; echo err >&2; exit 7"));

        run.Exited(7).Stdout.Should().Be("out\n");
        run.Stderr.Should().Be("err\n");
    }

    [Fact]
    public async Task Container_with_a_published_port_serves_executes_logs_and_stops()
    {
        const string serve = "echo page > /tmp/index.html; httpd -h /tmp; echo ready";
        const string live = $"trap 'echo bye; exit 3' TERM; {serve}; while :; do sleep 0.1; done";
        (await Docker.StartingAsync(Words(
            "run", "--detach", "--name", "web", "--publish", "127.0.0.1:8081:80",
            PrivateDocker.Image, "sh", "-c", live))).Exited(0);

        await Until.TrueAsync(
            async () => (await Docker.DockerAsync("logs", "web")).Stdout == "ready\n", PrivateDocker.AnswerLimit,
            () => "the server is not ready");
        var page = await Docker.InsideAsync(
            PrivateDocker.AnswerLimit, "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8081/");
        var exec = await Docker.DockerAsync("exec", "--interactive", "web", "sh", "-c", "cat; hostname -i; exit 5");
        var stop = await Docker.DockerAsync("stop", "--time", "15", "web");
        var logs = await Docker.DockerAsync("logs", "web");
        var ended = await Docker.DockerAsync("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "web");
        (await Docker.DockerAsync("rm", "web")).Exited(0);

        page.Exited(0).Stdout.Should().Be("page\n");
        exec.Exited(5).Stdout.Should().StartWith("172.", "the address that Docker gave is the container's");
        stop.Exited(0);
        logs.Exited(0).Stdout.Should().Be("ready\nbye\n");
        ended.Exited(0).Stdout.Should().Be("exited 3\n");
    }

    [Fact]
    public async Task Names_of_containers_on_a_network_of_the_users_are_known_to_each_other()
    {
        // A question for the address of "asked" behind its length. The address is the end of the answer.
        const string byStream = @"\0\027\022\064\001\0\0\001\0\0\0\0\0\0\005asked\0\0\001\0\001";
        (await Docker.DockerAsync("network", "create", "own")).Exited(0);
        (await Docker.StartingAsync(Words(
            "run", "--detach", "--name", "asked", "--network", "own", "--network-alias", "alias",
            PrivateDocker.Image, "sleep", "1000"))).Exited(0);

        var run = await Docker.StartingAsync(Words(
            "run", "--rm", "--name", "asker", "--network", "own", PrivateDocker.Image, "sh", "-c",
            "nslookup asked && nslookup alias && ping -c 1 -w 10 asked; "
            + $"printf '{byStream}' | nc 127.0.0.11 53 | tail -c 4 | od -An -tu1"));
        var address = await Docker.DockerAsync(
            "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "asked");
        var itself = await Docker.DockerAsync("exec", "asked", "nslookup", "asked");
        (await Docker.StartingAsync("rm", "--force", "asked")).Exited(0);
        (await Docker.DockerAsync("network", "rm", "own")).Exited(0);

        var (output, ip) = (run.Exited(0).Stdout, address.Exited(0).Stdout.Trim());
        output.Split($"Address: {ip}").Should().HaveCountGreaterThanOrEqualTo(3, output);
        output.Should().Contain("1 packets received");
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Should().Equal(ip.Split('.'), "by TCP as by UDP");
        itself.Exited(0);
    }

    // From 28 on the port is taken after the task was created: dockerd kills a task that never ran, and waits for the
    // end of its streams.
    [Fact]
    public async Task Start_when_a_port_is_taken_fails_and_the_daemon_goes_on()
    {
        await using var taken = Docker.StartInside("busybox", "nc", "-l", "-p", "8082");
        string[] listens = ["grep", "-q", ":1F92 ", "/proc/net/tcp", "/proc/net/tcp6"];
        await Until.TrueAsync(
            async () => (await Docker.InsideAsync(listens)).ExitCode == 0,
            PrivateDocker.AnswerLimit, () => "the port is not taken");
        (await Docker.DockerAsync(Words(
            "create", "--name", "late", "--publish", "8082:80", PrivateDocker.Image, "sleep", "1000"))).Exited(0);

        var start = await Docker.StartingAsync("start", "late");
        var inspect = await Docker.DockerAsync("inspect", "--format", "{{.State.Status}}", "late");
        await Docker.RestartDockerAsync();
        var again = await Docker.DockerAsync("inspect", "--format", "{{.State.Status}}", "late");
        (await Docker.DockerAsync("rm", "--force", "late")).Exited(0);

        start.Exited(1).Stderr.Should().Contain("8082").And.Contain("address already in use");
        start.Took.Should().BeLessThan(TimeSpan.FromSeconds(60));
        inspect.Exited(0).Stdout.Should().Be("created\n");
        again.Exited(0).Stdout.Should().Be("created\n");
    }

    private static string[] Words(string verb, params string[] rest) =>
        [verb, "--runtime", TestSettings.Runtime, .. rest];
}

[CollectionDefinition(nameof(Docker26))]
public sealed class Docker26Life : ICollectionFixture<Docker26>;

[CollectionDefinition(nameof(Docker28))]
public sealed class Docker28Life : ICollectionFixture<Docker28>;

[Collection(nameof(Docker26))]
public sealed class Docker26Tests(Docker26 docker) : DockerTests(docker);

[Collection(nameof(Docker28))]
public sealed class Docker28Tests(Docker28 docker) : DockerTests(docker);
