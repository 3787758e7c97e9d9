using Kata.Apps.Agent.Boot;
using Kata.Apps.Agent.Containers;
using Kata.Apps.Agent.Devices;
using Kata.Apps.Agent.Network;
using Kata.Apps.Agent.Sandboxes;
using Kata.Apps.Agent.Serving;
using Kata.Apps.Agent.Storage;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent;

/// <summary>Puts the agent together: the only place that sees all of it.</summary>
internal sealed class AgentComposition
{
    private readonly Lazy<MemFd> _crun;

    public AgentComposition(AgentPaths paths, ModuleLoader modules, AgentOptions options, AgentLog log)
    {
        // crun copies itself at every start unless its program is sealed already; so it is copied once.
        _crun = new Lazy<MemFd>(() => MemFd.CreateFrom(CrunPath()));
        var reaper = ChildReaper.Start();
        var devices = new DeviceFinder(modules, options.HotplugTimeout);
        var mounter = new StorageMounter(modules, devices, new WatchedTrees(log));
        Sandbox = new GuestSandbox(paths, new SandboxStorages(mounter), modules, log);
        var crun = new Crun(() => _crun.Value.ExecutablePath, paths.Crun);
        var maker = new ContainerMaker(
            Sandbox, new ContainerDevices(devices), crun, new ProcessStarter(reaper, paths.Consoles), log);
        Server = new AgentServer(
            new AgentService(
                Sandbox, maker, new GuestNetwork(modules, devices, options.HotplugTimeout), devices, modules,
                log), new HealthService(modules), log);
    }

    public GuestSandbox Sandbox { get; }

    public AgentServer Server { get; }

    /// <summary>What can be done before the first container is made, so that it need not be done then.</summary>
    public void Prepare() => _ = _crun.Value;

    private static string CrunPath() =>
        File.Exists(Crun.InstalledPath)
            ? Crun.InstalledPath
            : throw new IOException($"there is no {Crun.InstalledPath} in this guest");
}
