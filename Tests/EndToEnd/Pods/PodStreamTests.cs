using FluentAssertions;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Streams through the CRI plugin's own server: exec, attach and forwarded ports.</summary>
public sealed class PodStreamTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    [Fact]
    public async Task Exec_streams_both_ways_and_tells_the_exit_code()
    {
        await using var stream = await ExecAsync(tty: false, "sh", "-c", "read a; echo got $a; echo bad >&2; exit 5");

        await stream.WriteAsync(PodStream.Stdin, "word\n");
        await stream.ToEndAsync();

        stream.Text(PodStream.Stdout).Should().Be("got word\n");
        stream.Text(PodStream.Stderr).Should().Be("bad\n");
        stream.Text(PodStream.Outcome).Should().Contain("ExitCode").And.Contain("\"5\"");
    }

    [Fact]
    public async Task Exec_on_a_terminal_has_its_size_and_follows_it()
    {
        await using var stream = await ExecAsync(tty: true, "sh");

        await stream.WriteAsync(PodStream.Resize, """{"Width": 91, "Height": 33}""");
        await stream.WriteAsync(PodStream.Stdin, "until stty size | grep '33 91'; do sleep 0.1; done; tty; exit 0\n");
        await stream.ToEndAsync();

        stream.Text(PodStream.Stdout).Should().Contain("33 91").And.Contain("/dev/pts/");
        stream.Text(PodStream.Outcome).Should().Contain("Success");
    }

    [Fact]
    public async Task Attach_sees_the_output_and_gives_the_input_of_a_running_container()
    {
        var config = Pod.NewContainer("sh", "-c", "while read line; do echo got $line; done; echo end");
        config.Stdin = true;
        config.StdinOnce = true;
        var id = await Pod.StartAsync(config);

        await using (var stream = await AttachAsync(id))
        {
            await stream.WriteAsync(PodStream.Stdin, "one\n");
            await stream.UntilAsync(PodStream.Stdout, "got one\n");
            await stream.WriteAsync(PodStream.Stdin, "two\n");
            await stream.UntilAsync(PodStream.Stdout, "got two\n");
        }

        // Its input is for one client only and ends with it.
        (await Pod.ExitedAsync(id)).ExitCode.Should().Be(0);
        (await Pod.LogAsync(config)).Stdout.Should().Be("got one\ngot two\nend\n");
        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Attach_to_input_that_stays_open_can_be_done_again()
    {
        var config = Pod.NewContainer("sh", "-c", "while read line; do echo got $line; done");
        config.Stdin = true;
        var id = await Pod.StartAsync(config);

        foreach (var word in new[] { "first", "second" })
        {
            await using var stream = await AttachAsync(id);
            await stream.WriteAsync(PodStream.Stdin, $"{word}\n");
            await stream.UntilAsync(PodStream.Stdout, $"got {word}\n");
        }

        (await Pod.StatusAsync(id)).State.Should().Be(ContainerState.ContainerRunning);
        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Attach_to_a_terminal_types_and_reads()
    {
        var config = Pod.NewContainer("sh");
        config.Stdin = true;
        config.Tty = true;
        var id = await Pod.StartAsync(config);

        var request = new AttachRequest { ContainerId = id, Stdin = true, Stdout = true, Tty = true };
        await using var stream = await PodStream.OpenAsync(
            Host, (await Host.Cri.Runtime.AttachAsync(request, CriClient.Call())).Url);
        await stream.WriteAsync(PodStream.Stdin, "echo $((6 * 7)); tty\n");

        (await stream.UntilAsync(PodStream.Stdout, "/dev/pts/")).Should().Contain("42\r\n");
        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Forwarded_port_reaches_a_server_on_the_pods_localhost()
    {
        var server = await Pod.StartAsync(
            Pod.NewContainer("sh", "-c", "echo page > /var/index.html; httpd -f -p 127.0.0.1:7090 -h /var"));
        await Pod.ShellAsync(Container, "until wget -qO- http://127.0.0.1:7090/ > /dev/null 2>&1; do sleep 0.1; done");

        await using var stream = await ForwardAsync(7090);
        await stream.WriteAsync(0, "GET / HTTP/1.0\r\n\r\n");

        (await stream.UntilAsync(0, "page\n")).Should().Contain("200 OK");
        await Pod.RemoveAsync(server);
    }

    [Fact]
    public async Task Forwarded_port_where_nothing_listens_is_told_so()
    {
        await using var stream = await ForwardAsync(7099);

        // A machine's answer comes after the connection was made.
        (await stream.UntilAsync(1, ":7099: ")).Should().ContainAny("refused", "reset by peer");
    }

    private async Task<PodStream> ExecAsync(bool tty, params string[] command)
    {
        var request = new ExecRequest
        {
            ContainerId = Container,
            Stdin = true,
            Stdout = true,
            Stderr = !tty,
            Tty = tty
        };
        request.Cmd.AddRange(command);
        return await PodStream.OpenAsync(Host, (await Host.Cri.Runtime.ExecAsync(request, CriClient.Call())).Url);
    }

    private async Task<PodStream> AttachAsync(string id)
    {
        var request = new AttachRequest { ContainerId = id, Stdin = true, Stdout = true, Stderr = true };
        return await PodStream.OpenAsync(Host, (await Host.Cri.Runtime.AttachAsync(request, CriClient.Call())).Url);
    }

    private async Task<PodStream> ForwardAsync(int port)
    {
        var request = new PortForwardRequest { PodSandboxId = Pod.Id };
        request.Port.Add(port);
        return await PodStream.OpenAsync(
            Host, (await Host.Cri.Runtime.PortForwardAsync(request, CriClient.Call())).Url);
    }
}
