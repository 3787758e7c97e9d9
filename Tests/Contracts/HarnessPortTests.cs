using System.Text;
using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;

namespace Kata.Tests.Contracts;

/// <summary>The machines of the harness.</summary>
public sealed class HypervisorHarnessTests : HypervisorContract
{
    private readonly HarnessHost _host = new();

    public HypervisorHarnessTests()
    {
        _host.Missing.Add("/nowhere/vmm");
        Hypervisor = new HarnessHypervisor(_host) { LaunchTime = TimeSpan.Zero };
    }

    protected override IHypervisor Hypervisor { get; }

    protected override VmSpec Machine(VmmBehaviour behaviour)
    {
        var hypervisor = (HarnessHypervisor)Hypervisor;
        hypervisor.Answers = behaviour != VmmBehaviour.NeverAnswers;
        hypervisor.EndsAtOnce = behaviour == VmmBehaviour.ExitsAtOnce ? (new VmmEnd(1, null), "no kernel") : null;
        return HarnessMachines.Spec(new VmResources(1, 2, 256, 1024, 2));
    }

    protected override void Kill(IVirtualMachine machine) => ((HarnessMachine)machine).Die(new VmmEnd(null, 9));

    protected override void NothingIsLeft()
    {
        base.NothingIsLeft();
        _host.Held.Should().BeEmpty();
    }

    protected override async Task EndAsync(Task task)
    {
        while (!task.IsCompleted && _host.Time.MoveToNextTimer())
            await Task.Yield();
        await base.EndAsync(task);
    }
}

/// <summary>A machine of the harness.</summary>
internal static class HarnessMachines
{
    public static VmSpec Spec(VmResources resources) => new()
    {
        Sandbox = SandboxId.Parse("pod1"),
        Name = "sandbox-pod1",
        Machine = new MachineOptions
        {
            Program = HostPath.Parse("/vmm", "program"),
            ControlTimeout = TimeSpan.FromSeconds(1)
        },
        Boot = new BootAssets { Kernel = HostPath.Parse("/kernel", "kernel") },
        Resources = resources,
    };

    public static Task<IVirtualMachine> LaunchAsync(HarnessHost host, VmResources resources, CancellationToken ct) =>
        new HarnessHypervisor(host) { LaunchTime = TimeSpan.Zero }.LaunchAsync(
            Spec(resources), new VmPlacement { StateDirectory = HostPath.Parse("/state", "state") },
            new HarnessLedger(host), ct);
}

/// <summary>The devices of the harness.</summary>
public sealed class DeviceHotplugHarnessTests : DeviceHotplugContract
{
    protected override async Task<IDeviceHotplug> LaunchAsync() =>
        (await HarnessMachines.LaunchAsync(new HarnessHost(), new VmResources(1, 1, 256, 256, 0), Ct)).Hotplug!;

    protected override Task StopAsync() => Task.CompletedTask;
}

/// <summary>The sizes of the harness's machines.</summary>
public sealed class VmResizeHarnessTests : VmResizeContract
{
    protected override async Task<IVmResize> LaunchAsync() =>
        (await HarnessMachines.LaunchAsync(new HarnessHost(), Start, Ct)).Resize!;

    protected override Task StopAsync() => Task.CompletedTask;
}

/// <summary>The files of the harness.</summary>
public sealed class HostFilesHarnessTests : HostFilesContract
{
    private readonly HarnessHost _host = new();
    private readonly HarnessFiles _files;

    public HostFilesHarnessTests() => _files = new HarnessFiles(_host);

    protected override IHostFiles Port => _files;

    protected override string Folder => "/folder";

    protected override void Make(string name, HostFileKind kind, int files = 0)
    {
        _files.Put(At(name).Value, kind);
        _files.Counts[At(name).Value] = files;
    }

    protected override void MakeNothing(string name) => _files.Remove(At(name).Value);

    protected override void MountBelow(string name) => _files.MountedBelow.Add(At(name).Value);

    protected override IDisposable Stall(string name)
    {
        foreach (var call in (string[])["files.look", "files.count"])
            _host.Faults.Add(new Fault(call, 1, FaultKind.Hang));
        return new MemoryStream();
    }
}

/// <summary>The direct-assigned volumes of the harness.</summary>
public sealed class DirectVolumesHarnessTests : DirectVolumesContract
{
    private readonly HarnessDirectVolumes _volumes = new(new HarnessHost());

    protected override IDirectVolumes Port => _volumes;

    protected override Task AnnounceAsync(HostPath path, string device)
    {
        _volumes.Volumes[path.Value] = new DirectVolume(
            HostPath.Parse("/volumes", "directory").Append(path.Value.Length.ToString()),
            HostPath.Parse(device, "device"), "ext4", []);
        return Task.CompletedTask;
    }
}

/// <summary>The connections of the harness.</summary>
public sealed class LocalPortsHarnessTests : LocalPortsContract
{
    private readonly HarnessPorts _ports = new(new HarnessHost());

    protected override ILocalPorts Port => _ports;

    protected override NetworkNamespacePath Namespace { get; } = new(HostPath.Parse("/netns", "namespace"));

    protected override IDialled Dial(int port, string text) =>
        new Dialled(_ports.Dial(port, Encoding.UTF8.GetBytes(text)));

    private sealed class Dialled(HarnessConnection connection) : IDialled
    {
        public async Task<string> ReadToEndAsync() => await connection.Ended
            ? Encoding.UTF8.GetString(connection.Output)
            : throw new IOException("the connection was reset");

        public void Dispose()
        {
        }
    }
}

/// <summary>The name server of the harness.</summary>
public sealed class NameServerHarnessTests : NameServerContract
{
    private readonly HarnessNameServer _names = new(new HarnessHost());

    protected override INameServer Port => _names;

    protected override NetworkNamespacePath Namespace { get; } = new(HostPath.Parse("/netns", "namespace"));

    protected override HostPath ResolvConf(string server)
    {
        var path = HostPath.Parse($"/etc/resolv.conf.{server}", "file");
        if (server == "127.0.0.11")
            _names.NamedBy.Add(path.Value);
        return path;
    }

    protected override void Place(bool isThere) => _names.IsThere = isThere;
}

/// <summary>The sockets of the harness.</summary>
public sealed class ShimSocketsHarnessTests : ShimSocketsContract
{
    private readonly HarnessSockets _sockets = new();

    protected override IShimSockets Port => _sockets;

    protected override void Make(SandboxId sandbox, SandboxOwner owner, bool lives)
    {
        if (lives)
            _sockets.Living.Add(sandbox);
    }

    protected override bool IsThere(SandboxId sandbox, SandboxOwner owner) =>
        !_sockets.Removed.Contains((sandbox, owner));
}

/// <summary>The settings of the harness.</summary>
public sealed class SettingsSourceHarnessTests : SettingsSourceContract
{
    private readonly HarnessHost _host = new();
    private readonly HarnessSettings _settings;

    public SettingsSourceHarnessTests() => _settings = new HarnessSettings(_host);

    protected override ISettingsSource Port => _settings;

    protected override RuntimeOptions OptionsWithKernel(string kernel)
    {
        _settings.Settings = _settings.Settings with
        {
            Hypervisor = _settings.Settings.Hypervisor with { Kernel = kernel }
        };
        return new RuntimeOptions("/configuration.toml", null);
    }

    protected override RuntimeOptions BrokenOptions()
    {
        _host.Missing.Add("/missing.toml");
        return new RuntimeOptions("/missing.toml", null);
    }
}
