using FluentAssertions;
using Grpc.Core;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Volumes whose filesystem answers nothing, as of a server that is gone: FUSE that nobody serves.</summary>
[Trait("category", "matrix")]
[Trait("peers", "no")]
public sealed class PodStalledFileTests(PodHost host) : PodTest(host)
{
    // Seconds: more than a command takes in a busy machine, and much less than for ever.
    private const int Patience = 40;

    /// <summary>
    /// It hangs after the container was made: containerd itself looks at it then, and would wait for ever.
    /// </summary>
    [MachineFact]
    public async Task Volume_that_hangs_when_its_container_starts_ends_the_start_by_its_path_and_harms_nobody()
    {
        using var _ = Host.Configuration.With(("runtime", "create_container_timeout", "40"));
        await using var pod = await Pod.RunAsync(Host);
        var other = await pod.StartAsync(pod.NewContainer());
        var volume = Host.NewVolume();
        var config = pod.NewContainer();
        config.Mounts.Add(Bind(volume));
        var id = await pod.CreateAsync(config);

        await using (await StallAsync(volume))
        {
            var start = () => pod.StartAsync(id);

            var refused = (await start.Should().ThrowAsync<RpcException>()).Which.Status.Detail;

            refused.Should().Contain($"{volume}, which is mounted into the container, does not answer")
                .And.NotContain("\n");
            (await pod.ShellAsync(other, "echo unharmed")).Should().Be("unharmed\n");
            await pod.RemoveAsync(id);
        }

        (await pod.RunToEndAsync(c => c.Mounts.Add(Bind(volume)), "ls", "-a", "/data")).Ok().Should().Be(".\n..\n");
    }

    /// <summary>
    /// Who has asked for what lies there waits, as on any Linux, and with him who makes a name beside it. The rest goes
    /// on, and the pod ends with its machine although nothing of it that waits can be killed.
    /// </summary>
    [MachineFact]
    public async Task Volume_that_hangs_when_a_container_uses_it_holds_up_neither_others_nor_the_pods_end()
    {
        var volume = Host.NewVolume();
        var place = Directory.CreateDirectory(Path.Combine(volume, "server")).FullName;
        Directory.CreateDirectory(Path.Combine(volume, "beside"));
        await using var stall = await StallAsync(place);
        await using var pod = await Pod.RunAsync(Host);
        var caller = await pod.StartAsync(
            c => c.Mounts.Add(Bind(volume)),
            "sh", "-c", "for n in 1 2 3; do ls /data/server & done; echo called > /called; wait");
        await pod.ShellAsync(caller, "until [ -e /called ]; do sleep 0.1; done");
        var other = await pod.StartAsync(pod.NewContainer());

        foreach (var (container, folder) in new[] { (other, "/tmp"), (caller, "/data/beside") })
        {
            var line = $"echo unharmed > {folder}/file && cat {folder}/file && ls /bin/busybox";
            (await pod.ExecAsync(container, ["sh", "-c", line], Patience)).Ok().Should().Be("unharmed\n/bin/busybox\n");
        }

        await pod.StopAsync();
        await pod.RemoveAsync();
    }

    private static Mount Bind(string volume) => new() { HostPath = volume, ContainerPath = "/data" };

    /// <summary>Until this is disposed of: then who waits is told that it is gone.</summary>
    private async Task<IAsyncDisposable> StallAsync(string place)
    {
        var server = Host.StartInside(
            "sh", "-c",
            "exec 9<> /dev/fuse && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 stalled $0 "
            + "&& echo mounted && exec sleep 100000",
            place);
        await server.WaitForOutputAsync("mounted", TimeSpan.FromSeconds(10));
        return new Stall(async () =>
        {
            await server.DisposeAsync();
            (await Host.InsideAsync("umount", "-l", place)).Exited(0);
        });
    }

    private sealed class Stall(Func<Task> end) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await end();
    }
}
