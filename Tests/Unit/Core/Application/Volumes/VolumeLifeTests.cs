using FluentAssertions;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Kata.Tests.Unit.Core.Application.Volumes;

/// <summary>Lives of pods with volumes and block devices, and what goes wrong in them.</summary>
public sealed class VolumeLifeTests
{
    private static readonly DeviceNumber Number = new(8, 16);

    public static TheoryData<FaultKind> Kinds => [.. Enum.GetValues<FaultKind>()];

    [Fact]
    public void Delete_when_a_container_has_a_disk_takes_it_from_the_guest_first_and_then_from_the_machine() =>
        HarnessShim.Run(async shim =>
    {
        await StartPodAsync(shim);
        await shim.CreateAsync("box", ContainerKind.PodContainer, change: WithDisk);
        shim.Guest.Containers.Should().ContainKey(ContainerId.Parse("box"))
            .WhoseValue.Spec.Devices.Should().ContainSingle();
        shim.Host.Machine!.Devices.Attached.Should().HaveCount(2);

        await shim.DeleteAsync("box");

        shim.Host.Machine.Devices.Attached.Should().BeEmpty();
        shim.Host.Calls.ToList().IndexOf("hotplug.detach")
            .Should().BeGreaterThan(shim.Host.Calls.ToList().LastIndexOf("agent.remove"));
    });

    [Fact]
    public void Delete_when_another_container_uses_the_disk_leaves_it() => HarnessShim.Run(async shim =>
    {
        await StartPodAsync(shim);
        await shim.CreateAsync("one", ContainerKind.PodContainer, change: WithDisk);
        await shim.CreateAsync("two", ContainerKind.PodContainer, change: WithDisk);

        await shim.DeleteAsync("one");
        shim.Host.Machine!.Devices.Attached.Should().HaveCount(2);
        await shim.DeleteAsync("two");
        shim.Host.Machine.Devices.Attached.Should().BeEmpty();
    });

    [Fact]
    public void Delete_when_the_guest_does_not_let_the_disk_go_fails_and_can_be_repeated() =>
        HarnessShim.Run(async shim =>
    {
        await StartPodAsync(shim);
        await shim.CreateAsync("box", ContainerKind.PodContainer, change: WithDisk);

        (await Refusal.OfAsync(() => shim.DeleteAsync("box"))).Kind.Should().Be(ErrorKind.DeadlineExceeded);
        await shim.DeleteAsync("box");

        shim.Host.Machine!.Devices.Attached.Should().BeEmpty();
        shim.Host.Held.Should().NotContain(r => r.Owner == ContainerId.Parse("box"));
    }, new FaultSchedule(new Fault("hotplug.detach", 1, FaultKind.Fail) { Error = ErrorKind.DeadlineExceeded }));

    [Fact]
    public void Delete_when_the_guest_never_lets_go_succeeds_the_second_time_and_leaves_the_disk_to_the_machine() =>
        HarnessShim.Run(async shim =>
    {
        await StartPodAsync(shim);
        await shim.CreateAsync("box", ContainerKind.PodContainer, change: WithDisk);

        await Refusal.OfAsync(() => shim.DeleteAsync("box"));
        await shim.DeleteAsync("box");

        shim.Host.Held.Should().NotContain(r => r.Owner == ContainerId.Parse("box"));
        shim.Host.Machine!.Devices.Attached.Should().NotBeEmpty();
        shim.Log.Lines.Should().Contain(
            line => line.Level == LogLevel.Warning && line.Text.Contains("box", StringComparison.Ordinal));
        await shim.CreateAsync("next", ContainerKind.PodContainer, change: WithDisk);
        await shim.StopAsync();
        await shim.DeleteAsync("next");
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    }, new FaultSchedule(
        [.. Always("agent.remove", ErrorKind.Internal), .. Always("hotplug.detach", ErrorKind.DeadlineExceeded)]));

    [Fact]
    public void Root_on_a_block_device_is_not_mounted_on_the_host() => HarnessShim.Run(async shim =>
    {
        await StartPodAsync(shim);

        await CreateOnDiskAsync(shim, "box", ContainerKind.PodContainer);

        shim.Guest.Containers[ContainerId.Parse("box")].Spec.Storages.Should().ContainSingle()
            .Which.Driver.Should().Be("blk");
        shim.Host.Held.Should().NotContain(r => r.Kind == ResourceKind.Mount && r.Owner == ContainerId.Parse("box"));
        await shim.DeleteAsync("box");
        shim.Host.Machine!.Devices.Attached.Should().BeEmpty();
    });

    [Fact]
    public void Root_of_the_first_container_on_a_block_device_goes_with_the_machine() => HarnessShim.Run(async shim =>
    {
        await CreateOnDiskAsync(shim, "pod", ContainerKind.Single);
        await shim.StopAsync();
        await shim.DeleteAsync("pod");

        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Create_when_a_volume_has_vanished_harms_no_other_container() => HarnessShim.Run(async shim =>
    {
        await StartPodAsync(shim);
        await shim.CreateAsync("good", ContainerKind.PodContainer);
        await shim.StartAsync("good");
        var before = shim.Host.Leftovers().ToList();
        shim.Files.Remove("/host/gone");

        var failure = await Refusal.OfAsync(
            () => shim.CreateAsync("bad", ContainerKind.PodContainer, change: s => s with
            {
                Mounts = [PlacingBench.Bind("/host/data", "/fine"), PlacingBench.Bind("/host/gone", "/data")],
            }));

        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain("/data");
        shim.Host.Leftovers().Should().Equal(before);
        (await shim.StateAsync("good")).Status.ToString().Should().Be("Running");
    });

    [Fact]
    public void Volume_when_it_is_resized_grows_disk_and_filesystem() => HarnessShim.Run(async shim =>
    {
        await StartPodAsync(shim);
        await shim.CreateAsync("box", ContainerKind.PodContainer, change: WithDisk);
        var path = HostPath.Parse("/csi/mount", "p");

        await shim.SendAsync(new ResizeVolume(path, 1 << 20));
        (await shim.SendAsync(new GetVolumeUsage(path))).Should().NotBeNull();

        shim.Host.Machine!.Devices.Resized.Should().ContainSingle().Which.Bytes.Should().Be(1 << 20);
        shim.Host.Calls.Should().Contain(["agent.resize-volume", "agent.volume-usage"]);
        (await Refusal.OfAsync(() => shim.SendAsync(new ResizeVolume(path, 1000))))
            .Kind.Should().Be(ErrorKind.InvalidArgument);
        await shim.DeleteAsync("box");
        (await Refusal.OfAsync(() => shim.SendAsync(new GetVolumeUsage(path)))).Kind.Should().Be(ErrorKind.NotFound);
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Create_with_a_disk_when_a_port_call_goes_wrong_leaves_no_disk(FaultKind kind)
    {
        var calls = CallsOfCreation();
        calls.Should().Contain(["files.find-device", "hotplug.attach", "volumes.mark"]);

        for (var at = 1; at <= calls.Count; at++)
        {
            var shim = new HarnessShim();
            shim.Run(async () =>
            {
                await StartPodAsync(shim);
                shim.Host.Faults.Add(new Fault("*", shim.Host.Calls.Count + at, kind));
                var where = $"{kind} at call {at}, {calls[at - 1]}";
                try
                {
                    await shim.CreateAsync("box", ContainerKind.PodContainer, change: WithDisk);
                }
                catch (KataException)
                {
                    if (shim.Host.Machine is { Exited.IsCompleted: false } machine)
                        machine.Devices.Attached.Should().BeEmpty(where);
                }

                shim.Host.DiskIsFull = false;
                await shim.StopAsync();
                await shim.DeleteAsync("pod");
                shim.Host.Leftovers().Where(left => !left.Contains("streams", StringComparison.Ordinal))
                    .Should().BeEmpty(where);
            });
        }
    }

    private static List<string> CallsOfCreation()
    {
        var calls = new List<string>();
        HarnessShim.Run(async shim =>
        {
            await StartPodAsync(shim);
            var first = shim.Host.Calls.Count;
            await shim.CreateAsync("box", ContainerKind.PodContainer, change: WithDisk);
            calls.AddRange(shim.Host.Calls.Skip(first));
        });
        return calls;
    }

    private static IEnumerable<Fault> Always(string call, ErrorKind error) =>
        Enumerable.Range(1, 20).Select(occurrence => new Fault(call, occurrence, FaultKind.Fail) { Error = error });

    private static async Task StartPodAsync(HarnessShim shim)
    {
        shim.Files.Put("/dev/sdb", HostFileKind.BlockDevice, Number);
        shim.Files.Put("/dev/sdc", HostFileKind.BlockDevice, new DeviceNumber(8, 32));
        shim.DirectVolumes.Volumes["/csi/mount"] = new DirectVolume(
            HostPath.Parse("/dv/x", "d"), HostPath.Parse("/dev/sdc", "d"), "ext4", []);
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
    }

    private static Task CreateOnDiskAsync(HarnessShim shim, string id, ContainerKind kind)
    {
        shim.Files.Put("/dev/sdb", HostFileKind.BlockDevice, Number);
        return shim.SendAsync(new CreateContainer(
            ContainerId.Parse(id), shim.Bundle(id, kind, "sleep"), [new MountSpec("ext4", "/dev/sdb", "", ["rw"])],
            new Stdio("", "", "", false), null));
    }

    private static OciSpec WithDisk(OciSpec spec) => spec with
    {
        Mounts = [PlacingBench.Bind("/host/data", "/data"), PlacingBench.Bind("/csi/mount", "/direct")],
        Linux = spec.Linux! with
        {
            Devices = [new OciDevice { Path = "/dev/xvda", Type = "b", Major = Number.Major, Minor = Number.Minor }]
        },
    };
}
