using Kata.Core.Application.Creation;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Application.State;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Moq;

namespace Kata.Tests.Unit.Core.Application.Volumes;

/// <summary>A placer with a host, a share and a machine in memory.</summary>
internal sealed class PlacingBench
{
    private readonly VolumePlacer _placer;
    private readonly RootPreparer _roots;

    public PlacingBench(bool shared = true, bool hotplug = true, Func<RuntimeSettings, RuntimeSettings>? change = null)
    {
        Host = new HarnessHost();
        Files = new HarnessFiles(Host);
        Direct = new HarnessDirectVolumes(Host);
        Disks = new HarnessHotplug(Host);
        var settings = new RuntimeSettings
        {
            Hypervisor = new HypervisorSettings { Name = "qemu", Path = "/q", Kernel = "/k" }
        };
        Sandbox = new SandboxHandles.Ready(Mock.Of<IResourceLedger>())
        {
            Id = SandboxId.Parse("pod"),
            Settings = change?.Invoke(settings) ?? settings,
            Vm = Vm(hotplug),
            Machine = NewMachine(),
            Agent = Mock.Of<IGuestAgent>(),
            Guest = new GuestDetails("3.30-hex", 0, true, ShowsParts: true),
            Links = Mock.Of<ISandboxLinks>(),
            HasPodNetwork = false,
            Cgroups = new CgroupPlacement([], []),
            Share = shared ? Share : null,
        };
        Blocks = new BlockAttachments();
        _placer = new VolumePlacer(Files, Direct, Blocks);
        _roots = new RootPreparer(Files, Mock.Of<IRootfsMounter>());
    }

    public static ContainerId Box { get; } = ContainerId.Parse("box");

    public HarnessHost Host { get; }

    public HarnessFiles Files { get; }

    public HarnessDirectVolumes Direct { get; }

    public HarnessHotplug Disks { get; }

    public RecordingShare Share { get; } = new();

    public BlockAttachments Blocks { get; }

    /// <summary>The sandbox for whose containers volumes are placed.</summary>
    public SandboxHandles.Ready Sandbox { get; private set; }

    /// <summary>The guest is upstream's, whose agent shows no parts of volumes.</summary>
    public void UseUpstreamsAgent() =>
        Sandbox = Sandbox with { Guest = new GuestDetails("3.30", 0, true, ShowsParts: false) };

    /// <summary>Another machine takes the first one's place.</summary>
    public void ReplaceMachine() => Sandbox = Sandbox with { Machine = NewMachine() };

    public Task<MappedVolumes> PlaceAsync(params OciMount[] mounts) => PlaceAsync(new OciSpec { Mounts = mounts });

    public async Task<MappedVolumes> PlaceAsync(OciSpec spec, ContainerId? id = null, params MountSpec[] rootfs)
    {
        var creation = Creation(spec, id ?? Box, rootfs);
        creation.Root = await _roots.DecideAsync(rootfs, Sandbox.Settings, default);
        return await _placer.PlaceAsync(Sandbox, creation, default);
    }

    public Task<ContainerRoot> DescribeRootAsync(OciSpec spec) => _roots.DescribeAsync(Creation(spec, Box, []), default);

    public async Task<bool> IsBlockRootAsync(params MountSpec[] rootfs) =>
        await _roots.DecideAsync(rootfs, Sandbox.Settings, default) is RootPlacement.Disk;

    public Task AttachAsync(string container, HostFile file, bool readOnly) =>
        Blocks.AttachAsync(Sandbox, ContainerId.Parse(container), file, readOnly, default);

    public Task ReleaseAsync(ContainerId container) => Blocks.ReleaseAsync(Sandbox, container, default);

    public Task<KataException> RefusalAsync(params OciMount[] mounts) => Refusal.OfAsync(() => PlaceAsync(mounts));

    public static OciMount Bind(string source, string destination = "/data", params string[] options) =>
        new() { Destination = destination, Type = "bind", Source = source, Options = ["rbind", .. options] };

    private IVirtualMachine Vm(bool hotplug)
    {
        var machine = new Mock<IVirtualMachine>();
        machine.Setup(m => m.Hotplug).Returns(hotplug ? Disks : null);
        machine.Setup(m => m.Exited).Returns(new TaskCompletionSource<VmExit>().Task);
        return machine.Object;
    }

    private static SandboxMachine NewMachine() =>
        new(MachineBounds.Of(1, 1, 256, 256, 0, isFixed: true, hostCpus: 1), Workload.None);

    private static ContainerCreation Creation(OciSpec spec, ContainerId id, IReadOnlyList<MountSpec> rootfs)
    {
        var time = new ManualTime();
        var sandbox = new LiveSandbox(
            new ShimIdentity(SandboxId.Parse("pod"), new SandboxOwner("tests", "/c.sock")), Mock.Of<ITaskEvents>());
        return new ContainerCreation(
            id, HostPath.Parse("/bundles/box", "bundle"), rootfs, null, new PhaseTimeline(time, (_, _, _) => { }),
            new CreationLimits(sandbox, time, default))
        { Spec = spec };
    }
}

/// <summary>A share that writes down what it is asked for.</summary>
internal sealed class RecordingShare : ISharedDirectory
{
    public List<(string Source, string Name, ShareAccess Access, SharePropagation Propagation)> Shared { get; } = [];

    public FileDaemon Daemon => throw new NotSupportedException();

    public Device VmDevice => throw new NotSupportedException();

    public Task<string> Exited => throw new NotSupportedException();

    public HostPath RootfsTarget(ContainerId container) => throw new NotSupportedException();

    /// <summary>
    /// What lies inside of something that is shared already, by its source: the name of that, and the way.
    /// </summary>
    public Dictionary<string, (string Name, string Below)> Inside { get; } = [];

    public Task<SharedPath> ShareAsync(
        ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation,
        bool mayBePart, CancellationToken ct)
    {
        if (source.Value.Contains("refused", StringComparison.Ordinal))
            throw new KataException(ErrorKind.PermissionDenied, "the host says no");
        Shared.Add((source.Value, name, access, propagation));
        return Task.FromResult(
            mayBePart && Inside.TryGetValue(source.Value, out var inside)
                ? new SharedPath(GuestPaths.Share.Append(inside.Name), inside.Below)
                : new SharedPath(GuestPaths.Share.Append(name)));
    }

    public Task LeaveAsync(ContainerId container, CancellationToken ct) => Task.CompletedTask;

    public IAsyncEnumerable<GuestPath> UnmountedAsync(CancellationToken ct) => throw new NotSupportedException();

    public Task StopAsync(CancellationToken ct) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
