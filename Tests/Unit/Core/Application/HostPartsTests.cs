using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>What no machine can have of the host is refused before one is started, or told once.</summary>
public sealed class HostPartsTests
{
    private static readonly OciNamespace[] OfAContainer = [new() { Type = "pid" }, new() { Type = "ipc" },
        new() { Type = "uts" }, new() { Type = "mount" }, new() { Type = "network" }];

    [Theory]
    [InlineData(HostFileKind.Socket, "a unix socket of the host")]
    [InlineData(HostFileKind.Fifo, "a named pipe of the host")]
    [InlineData(HostFileKind.CharacterDevice, "a character device of the host (4:64)")]
    public void Create_when_a_volume_cannot_reach_a_guest_is_refused_before_a_machine_is_started(
        HostFileKind kind, string why) =>
        Refused(
            spec => spec with
            {
                Mounts = [.. spec.Mounts,
                    new OciMount { Destination = "/in", Type = "bind", Source = "/host/thing", Options = ["rbind"] }]
            },
            shim => shim.Files.Put("/host/thing", kind, new DeviceNumber(4, 64)),
            $"the mount at /in has source /host/thing, {why}");

    [Fact]
    public void Create_when_a_device_is_the_hosts_is_refused_before_a_machine_is_started() =>
        Refused(
            spec => spec with
            {
                Linux = spec.Linux! with
                {
                    Devices = [new OciDevice { Path = "/dev/ttyS0", Type = "c", Major = 4, Minor = 64 }]
                }
            },
            _ => { },
            "character device /dev/ttyS0 (4:64) of the host cannot be passed to a VM");

    [Theory]
    [InlineData("ipc")]
    [InlineData("pid")]
    [InlineData("uts")]
    public void Create_when_a_namespace_is_another_containers_is_refused_before_a_machine_is_started(string type) =>
        Refused(
            spec => spec with
            {
                Linux = spec.Linux! with
                {
                    Namespaces = [.. OfAContainer.Where(n => n.Type != type),
                        new() { Type = type, Path = $"/proc/7/ns/{type}" }]
                }
            },
            _ => { },
            $"sharing the {type} namespace of another container (/proc/7/ns/{type}) is not supported");

    [Fact]
    public void Create_of_a_pods_container_when_it_joins_the_pods_namespaces_is_not_refused() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox, change: Joined);

        await shim.CreateAsync("box", ContainerKind.PodContainer, change: Joined);

        static OciSpec Joined(OciSpec spec) => spec with
        {
            Linux = spec.Linux! with
            {
                Namespaces = [.. spec.Linux.Namespaces.Where(n => n.Type == "network"),
                    .. OfAContainer[..3].Select(n => n with { Path = $"/proc/7/ns/{n.Type}" })]
            }
        };
    });

    [Fact]
    public void Create_when_namespaces_are_to_be_the_hosts_says_once_that_they_are_the_machines() => HarnessShim.Run(
        async shim =>
        {
            await shim.CreateAsync(
                "box", change: spec => spec with
                {
                    Linux = spec.Linux! with
                    {
                        Namespaces = [.. OfAContainer.Where(n => n.Type is not ("pid" or "ipc"))]
                    }
                });

            shim.Log.Lines.Where(
                line =>
                    line.Text.Contains("the host's namespaces (pid, ipc)",
                        StringComparison.Ordinal)).Should().ContainSingle();
        },
        sandbox: "box");

    [Fact]
    public void Create_when_a_container_has_its_own_namespaces_says_nothing() => HarnessShim.Run(
        async shim =>
        {
            await shim.CreateAsync(
                "box", change: spec => spec with { Linux = spec.Linux! with { Namespaces = OfAContainer } });

            shim.Log.Lines.Should().NotContain(
                line => line.Text.Contains("the host's namespaces", StringComparison.Ordinal));
        },
        sandbox: "box");

    private static void Refused(Func<OciSpec, OciSpec> change, Action<HarnessShim> prepare, string sentence) =>
        HarnessShim.Run(
        async shim =>
        {
            prepare(shim);

            var failure = await Refusal.OfAsync(() => shim.CreateAsync("box", change: change));

            failure.Kind.Should().Be(ErrorKind.InvalidArgument);
            failure.Message.Should().Contain("failed in phase bundle").And.Contain(sentence)
                .And.NotContain("guest console");
            shim.Host.Machine.Should().BeNull();
            shim.Host.Leftovers().Should().BeEmpty();
        },
        sandbox: "box");
}
