using System.Text;
using FluentAssertions;
using Google.Protobuf;
using Grpc.Core;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Containerd;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Containers that come and go while their pod lives.</summary>
public sealed class ContainerLifecycleTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    [Fact]
    public async Task Container_from_creation_to_removal_is_told_as_it_is()
    {
        var config = Pod.NewContainer("sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
        config.Labels["tier"] = "life";
        var id = await Pod.CreateAsync(config);
        (await Pod.StatusAsync(id)).State.Should().Be(ContainerState.ContainerCreated);

        await Pod.StartAsync(id);
        var running = await Pod.StatusAsync(id);
        running.State.Should().Be(ContainerState.ContainerRunning);
        running.StartedAt.Should().BeGreaterThanOrEqualTo(running.CreatedAt);
        (await ListAsync(new ContainerFilter { PodSandboxId = Pod.Id, LabelSelector = { ["tier"] = "life" } }))
            .Should().Equal(id);
        await FluentActions.Awaiting(() => Pod.StartAsync(id)).Should().ThrowAsync<RpcException>();
        await Host.LogHoldsAsync(Pod, config, "ready");

        await Pod.StopAsync(id, timeout: 20);
        await Pod.StopAsync(id, timeout: 20);

        var exited = await Pod.StatusAsync(id);
        exited.State.Should().Be(ContainerState.ContainerExited);
        exited.ExitCode.Should().Be(7);
        exited.Reason.Should().Be("Error");
        exited.FinishedAt.Should().BeGreaterThan(exited.StartedAt);
        (await ListAsync(new ContainerFilter
        {
            Id = id,
            State = new ContainerStateValue { State = ContainerState.ContainerRunning }
        })).Should().BeEmpty();

        await Pod.RemoveAsync(id);
        await Pod.RemoveAsync(id);

        (await FluentActions.Awaiting(() => Pod.StatusAsync(id)).Should().ThrowAsync<RpcException>())
            .Which.StatusCode.Should().Be(StatusCode.NotFound);
    }

    [Fact]
    public async Task Container_that_ends_by_itself_tells_its_exit_code()
    {
        (await Pod.RunToEndAsync(_ => { }, "sh", "-c", "echo out; echo err >&2; exit 41"))
            .Should().Be(new Executed(41, "out\n", "err\n"));
        (await Pod.RunToEndAsync(_ => { }, "true")).ExitCode.Should().Be(0);
        (await Pod.RunToEndAsync(_ => { }, "sh", "-c", "cat; echo no input"))
            .Should().Be(new Executed(0, "no input\n", ""));
    }

    [Fact]
    public async Task Container_that_ignores_the_stop_signal_is_killed_after_its_time()
    {
        var config = Pod.NewContainer("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done");
        var id = await Pod.StartAsync(config);
        await Host.LogHoldsAsync(Pod, config, "ready");

        await Pod.StopAsync(id, timeout: 1);

        (await Pod.StatusAsync(id)).ExitCode.Should().Be(137);
        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Containers_made_ended_and_removed_in_any_order_do_not_touch_each_other()
    {
        var configs = Enumerable.Range(0, 3).Select(_ => Pod.NewContainer()).ToArray();
        var first = await Pod.StartAsync(configs[0]);
        var never = await Pod.CreateAsync(configs[1]);
        var third = await Pod.StartAsync(configs[2]);

        await Pod.StopAsync(first);
        await Pod.RemoveAsync(first);
        configs[0].Metadata.Attempt = 1;
        var again = await Pod.StartAsync(configs[0]);
        await Pod.RemoveAsync(never);
        // A running container goes by force.
        await Pod.RemoveAsync(third);

        (await Pod.ShellAsync(again, "echo alive")).Should().Be("alive\n");
        (await Pod.ShellAsync(Container, "echo alive")).Should().Be("alive\n");
        await Pod.RemoveAsync(again);
    }

    [Fact]
    public async Task Container_whose_name_is_taken_is_refused_and_made_once_it_is_free()
    {
        var config = Pod.NewContainer();
        var id = await Pod.StartAsync(config);

        (await FluentActions.Awaiting(() => Pod.CreateAsync(config)).Should().ThrowAsync<RpcException>())
            .Which.Status.Detail.Should().Contain("is reserved for");
        await Pod.RemoveAsync(id);

        var next = await Pod.StartAsync(config);
        (await Pod.ShellAsync(next, "echo alive")).Should().Be("alive\n");
        await Pod.RemoveAsync(next);
    }

    [Fact]
    public async Task Container_has_its_arguments_environment_and_directory()
    {
        var config = Pod.NewContainer("sh", "-c");
        config.Args.Add("""pwd; echo "$GREETING"; echo "$@" """);
        config.Args.Add("name");
        config.Args.Add("a b");
        config.WorkingDir = "/var";
        config.Envs.Add(new KeyValue { Key = "GREETING", Value = ByteString.CopyFrom("grüß dich", Encoding.UTF8) });

        (await Pod.RunToEndAsync(config)).Ok().Should().Be("/var\ngrüß dich\na b\n");
    }

    [Fact]
    public async Task Container_whose_directory_is_missing_gets_it()
    {
        (await Pod.RunToEndAsync(c => c.WorkingDir = "/no/such/place", "pwd")).Ok().Should().Be("/no/such/place\n");
    }

    [Fact]
    public async Task Container_whose_program_is_missing_says_which_and_leaves_the_others()
    {
        var id = await Pod.CreateAsync(Pod.NewContainer("/no/such/program"));

        (await FluentActions.Awaiting(() => Pod.StartAsync(id)).Should().ThrowAsync<RpcException>())
            .Which.Status.Detail.Should().Contain("/no/such/program");

        var status = await Pod.StatusAsync(id);
        status.State.Should().Be(ContainerState.ContainerExited);
        status.Reason.Should().Be("StartError");
        status.ExitCode.Should().Be(128);
        // The pod lives on: nothing of the failed one stays in its share.
        if (TestSettings.HasMachine)
        {
            Directory.EnumerateFileSystemEntries(Host.Seen($"/run/kata-containers/shared/sandboxes/{Pod.Id}/mounts"))
                .Should().NotContain(path => path.Contains(id, StringComparison.Ordinal));
        }

        await Pod.RemoveAsync(id);
        (await Pod.ShellAsync(Container, "echo alive")).Should().Be("alive\n");
    }

    private async Task<IEnumerable<string>> ListAsync(ContainerFilter filter) =>
        (await Host.Cri.Runtime.ListContainersAsync(new ListContainersRequest { Filter = filter }, CriClient.Call()))
            .Containers.Select(c => c.Id);
}

/// <summary>Containers of a pod one after another, with none beside them.</summary>
public sealed class ContainerRestartTests(PodHost host) : PodTest(host)
{
    [Fact]
    public async Task Pod_whose_only_container_has_ended_or_gone_takes_the_next_one()
    {
        await using var pod = await Pod.RunAsync(Host);
        var config = pod.NewContainer("sh", "-c", "exit 3");
        for (uint attempt = 0; attempt < 3; attempt++)
        {
            config.Metadata.Attempt = attempt;
            var id = await pod.StartAsync(config);
            (await pod.ExitedAsync(id)).ExitCode.Should().Be(3);
            if (attempt > 0)
                await pod.RemoveAsync(id);
        }

        (await pod.StatusAsync()).State.Should().Be(PodSandboxState.SandboxReady);
    }

    [Fact]
    public async Task Pod_that_is_removed_takes_its_running_and_created_containers_along()
    {
        await using var pod = await Pod.RunAsync(Host);
        var running = await pod.StartAsync(pod.NewContainer());
        await pod.CreateAsync(pod.NewContainer());

        await pod.StopAsync();
        (await pod.StatusAsync(running)).ExitCode.Should().Be(137);
        await pod.RemoveAsync();

        (await Host.Cri.Runtime.ListContainersAsync(new ListContainersRequest
        {
            Filter = new ContainerFilter { PodSandboxId = pod.Id }
        }, CriClient.Call()))
            .Containers.Should().BeEmpty();
    }
}
