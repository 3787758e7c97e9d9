using FluentAssertions;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>A folder that several containers of a pod have is one folder for them, as it is on one kernel.</summary>
[Trait("peers", "no")]
public sealed class PodSharedFileTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    private const string Tool = "/tools/peer";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Socket_and_fifo_of_one_container_are_reached_by_another_that_may_only_read(bool readerFirst)
    {
        var (tools, volume) = (await ToolsAsync(), Host.NewVolume());
        Task<string> ReaderAsync() => Pod.StartAsync(c => c.Mounts.Add([Bind(volume, "/in", readOnly: true), tools]));
        var reader = readerFirst ? await ReaderAsync() : "";
        var server = await Pod.StartAsync(
            c =>
                c.Mounts.Add([Bind(volume, "/out"), tools]), "sh", "-c",
                $"mkfifo /out/fifo; {Tool} serve /out/socket & echo passed > /out/fifo; wait");
        if (!readerFirst)
            reader = await ReaderAsync();

        (await Pod.ShellAsync(reader, $"until [ -S /in/socket ]; do sleep 0.1; done; {Tool} connect /in/socket"))
            .Should().Be("served\n");
        (await Pod.ShellAsync(reader, "timeout 20 cat /in/fifo")).Should().Be("passed\n");
        (await Pod.ShellAsync(reader, "stat -c %i /in/socket"))
            .Should().Be(await Pod.ShellAsync(server, "stat -c %i /out/socket"));
        (await Pod.ShellAsync(reader, "touch /in/x 2>&1; true")).Should().Contain("Read-only file system");

        await Pod.RemoveAsync(server);
        (await Pod.ShellAsync(reader, "ls /in")).Should().Be("fifo\nsocket\n");
        await Pod.RemoveAsync(reader);
    }

    [Fact]
    public async Task Locks_and_mappings_of_one_container_hold_for_another()
    {
        var (tools, volume) = (await ToolsAsync(), Host.NewVolume());
        var holder = await Pod.StartAsync(
            c => c.Mounts.Add([Bind(volume, "/a"), tools]),
            "sh", "-c",
            $"{Tool} flock /a/flock > /a/1 & {Tool} lock /a/lock > /a/2 & {Tool} map /a/map mapped > /a/3 & wait");
        await Pod.ShellAsync(holder, "until [ -s /a/1 ] && [ -s /a/2 ] && [ -s /a/3 ]; do sleep 0.1; done");
        var other = await Pod.StartAsync(c => c.Mounts.Add([Bind(volume, "/b"), tools]));

        (await Pod.ExecAsync(other, [Tool, "flock", "/b/flock"], timeout: 20)).ExitCode.Should().Be(1);
        (await Pod.ExecAsync(other, [Tool, "lock", "/b/lock"], timeout: 20)).ExitCode.Should().Be(1);
        (await Pod.ShellAsync(other, $"{Tool} read /b/map")).Should().Be("mapped\n");

        await Pod.RemoveAsync(holder);
        await Pod.RemoveAsync(other);
    }

    /// <summary>As kubelet gives it: bound to a place of its own for each container.</summary>
    [Fact]
    public async Task Part_of_a_volume_is_one_with_that_part_of_the_whole()
    {
        var (tools, volume) = (await ToolsAsync(), Host.NewVolume());
        var places = new[] { Host.NewVolume(), Host.NewVolume() };
        Directory.CreateDirectory(Path.Combine(volume, "part"));
        foreach (var place in places)
            (await Host.InsideAsync("mount", "--bind", Path.Combine(volume, "part"), place)).Exited(0);
        try
        {
            var whole = await Pod.StartAsync(
                c =>
                    c.Mounts.Add([Bind(volume, "/whole"), tools]), "sh", "-c", $"exec {Tool} serve /whole/part/socket");
            await Pod.ShellAsync(whole, "until [ -S /whole/part/socket ]; do sleep 0.1; done");
            foreach (var place in places)
            {
                var part = await Pod.StartAsync(c => c.Mounts.Add([Bind(place, "/part"), tools]));
                (await Pod.ShellAsync(part, $"{Tool} connect /part/socket; stat -c %i /part"))
                    .Should().Be($"served\n{await Pod.ShellAsync(whole, "stat -c %i /whole/part")}");
                await Pod.RemoveAsync(part);
            }

            await Pod.RemoveAsync(whole);
        }
        finally
        {
            foreach (var place in places)
                await Host.InsideAsync("umount", "-l", place);
        }
    }

    private async Task<Mount> ToolsAsync()
    {
        var folder = Host.NewVolume();
        await LockProgram.BuildAsync(folder);
        return Bind(folder, Path.GetDirectoryName(Tool)!, readOnly: true);
    }

    private static Mount Bind(string source, string target, bool readOnly = false) =>
        new() { HostPath = source, ContainerPath = target, Readonly = readOnly };
}
