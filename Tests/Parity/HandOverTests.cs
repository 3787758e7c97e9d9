using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Kata.Adapters.Guest.Bundles;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Kata.Tests.Parity.Managers;
using Xunit;

namespace Kata.Tests.Parity;

/// <summary>What real managers hand over, through our reader and the core, to what the guest is told to make.</summary>
public sealed class HandOverTests : IDisposable
{
    // What the guest has no need of, or has one of its own in place of.
    private static readonly string[] NotTheGuests = ["network", "cgroup", "time", "pid"];

    private static readonly string[] Files = ["resolv.conf", "hosts", "hostname", "f", "tini-static"];

    private readonly string _folder = Directory.CreateTempSubdirectory("hand-over").FullName;

    public static TheoryData<string> Names => new(HandOver.All());

    public static TheoryData<string> Guests =>
        new(HandOver.All().Where(name => !IsOnHostNetwork(name) && !IsOnAnothersNetwork(name)));

    public static TheoryData<string> OnHostNetwork => new(HandOver.All().Where(IsOnHostNetwork));

    public static TheoryData<string> OnAnothersNetwork => new(HandOver.All().Where(IsOnAnothersNetwork));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Bundle_when_read_has_no_field_that_we_do_not_know(string name)
    {
        var spec = await ReadAsync(HandOver.Read(name));

        spec.Other.Should().BeNull();
        spec.Process!.Other.Should().BeNull();
        spec.Linux!.Other.Should().BeNull();
        spec.Mounts.Should().OnlyContain(mount => mount.Other == null);
        // Docker writes it empty.
        (spec.Linux.Resources!.Other?.Keys ?? []).Should().BeSubsetOf(["blockIO"]);
    }

    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Container_when_created_is_in_the_guest_as_it_was_asked(string name)
    {
        var handed = HandOver.Read(name);
        var asked = await ReadAsync(handed);

        var made = await MakeAsync(handed);

        made.Process.Should().BeEquivalentTo(GuestSpec.WithoutLabels(asked.Process!));
        made.Hostname.Should().Be(asked.Hostname);
        made.Root!.Readonly.Should().Be(asked.Root!.Readonly);
        made.Hooks.Should().BeNull();
        made.Mounts.Select(mount => mount.Destination).Should().Equal(asked.Mounts.Select(mount => mount.Destination));
        made.Mounts.Where(mount => MustBeReadOnly(asked, mount) && !mount.Options.Contains("ro")).Should().BeEmpty();
        made.Mounts.Where(mount => mount.Type == "bind").Where(mount => !IsGuests(mount.Source!))
            .Should().BeEmpty("no path of the host's means anything there");
        made.Linux!.Sysctl.Should().Equal(asked.Linux!.Sysctl);
        made.Linux.Seccomp.Should().BeEquivalentTo(asked.Linux.Seccomp);
        made.Linux.MaskedPaths.Should().Equal(asked.Linux.MaskedPaths);
        made.Linux.ReadonlyPaths.Should().Equal(asked.Linux.ReadonlyPaths);
        made.Linux.Namespaces.Should().Equal(asked.Linux.Namespaces
            .Where(space => !NotTheGuests.Contains(space.Type))
            .Select(space => space with { Path = null }));
        made.Linux.Resources!.Memory.Should().BeEquivalentTo(asked.Linux.Resources!.Memory);
        made.Linux.Resources.Pids.Should().BeEquivalentTo(asked.Linux.Resources.Pids);
        made.Linux.Resources.Cpu?.Quota.Should().Be(asked.Linux.Resources.Cpu?.Quota);
        made.Linux.Resources.Devices.Should().BeEquivalentTo(asked.Linux.Resources.Devices);
    }

    [Theory]
    [MemberData(nameof(OnAnothersNetwork))]
    public async Task Container_on_the_network_of_another_is_refused_before_a_machine_is_started(string name)
    {
        var handed = HandOver.Read(name);

        var refused = await this.Awaiting(t => t.MakeAsync(handed)).Should().ThrowAsync<KataException>();

        refused.Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        refused.Which.Message.Should().Contain("another container");
    }

    [Theory]
    [MemberData(nameof(OnHostNetwork))]
    public async Task Pod_on_the_hosts_network_is_refused_before_a_machine_is_started(string name)
    {
        var handed = HandOver.Read(name);

        var refused = await this.Awaiting(t => t.MakeAsync(handed)).Should().ThrowAsync<KataException>();

        refused.Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        refused.Which.Message.Should().Contain("network");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Exec_and_update_are_read_as_they_are_written(string name)
    {
        var handed = HandOver.Read(name);
        var reader = new BundleReader();

        if (handed.Exec is { } exec)
        {
            var process = reader.ReadProcess(Bytes(exec));
            process.Other.Should().BeNull();
            process.Args.Should().Equal("id");
            process.User.Uid.Should().Be((uint)exec["user"]!["uid"]!);
        }

        if (handed.Update is { } update)
        {
            var limits = reader.ReadResources(Bytes(update));
            limits.Other.Should().BeNull();
            (limits.Memory!.Limit, limits.Cpu!.Quota, limits.Cpu.Period).Should().Be((67108864, 100000, 100000UL));
        }
    }

    private static bool IsOnHostNetwork(string name) => name.EndsWith("/host-network", StringComparison.Ordinal);

    private static bool IsOnAnothersNetwork(string name) => name.EndsWith("/container", StringComparison.Ordinal);

    private static bool IsGuests(string source) => source.StartsWith("/run/kata-containers/", StringComparison.Ordinal);

    private static byte[] Bytes(JsonNode node) => Encoding.UTF8.GetBytes(node.ToJsonString());

    // The sandbox's own shared memory takes the place of a pod's.
    private static bool MustBeReadOnly(OciSpec asked, OciMount mount) =>
        mount.Destination != "/dev/shm"
        && asked.Mounts.First(m => m.Destination == mount.Destination).Options.Contains("ro");

    private async Task<OciSpec> ReadAsync(HandOver handed)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "config.json"), handed.Bundle.ToJsonString());
        return await new BundleReader().ReadAsync(HostPath.Parse(_folder, "bundle"), default);
    }

    private async Task<OciSpec> MakeAsync(HandOver handed)
    {
        var pod = handed.Sandbox == handed.Id ? null : HandOver.Read($"{Path.GetDirectoryName(handed.Name)}/sandbox");
        List<(HandOver From, OciSpec Spec)> documents = pod is null ? [] : [(pod, await ReadAsync(pod))];
        documents.Add((handed, await ReadAsync(handed)));
        await using var shim = new HarnessShim(sandbox: handed.Sandbox);
        foreach (var source in documents.SelectMany(d => d.Spec.Mounts).Select(mount => mount.Source).OfType<string>())
        {
            if (Files.Contains(source.Split('/')[^1]))
                shim.Files.Put(source, HostFileKind.File);
        }

        // The host's own nodes, which it hands to a privileged container.
        foreach (var node in documents.SelectMany(d => d.Spec.Linux!.Devices).Where(node => node.Type == "c"))
            shim.Files.Put(node.Path, HostFileKind.CharacterDevice, new DeviceNumber(node.Major, node.Minor));

        shim.Run(async () =>
        {
            foreach (var (from, spec) in documents)
            {
                var bundle = shim.Bundle(from.Id, change: _ => spec);
                var errors = from.Terminal ? "" : $"/fifos/{from.Id}-err";
                var streams = new Stdio("", $"/fifos/{from.Id}-out", errors, from.Terminal);
                var id = ContainerId.Parse(from.Id);
                await shim.SendAsync(new CreateContainer(id, bundle, from.Rootfs, streams, null));
            }
        });
        return shim.Guest.Containers[ContainerId.Parse(handed.Id)].Spec.Oci;
    }
}
