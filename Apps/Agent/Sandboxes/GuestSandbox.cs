using System.Threading.Channels;
using Grpc.Core;
using Kata.Apps.Agent.Boot;
using Kata.Apps.Agent.Containers;
using Kata.Apps.Agent.Processes;
using Kata.Apps.Agent.Storage;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Sandboxes;

/// <summary>The one sandbox of the machine: what its containers share, and which containers there are.</summary>
internal sealed class GuestSandbox(AgentPaths paths, SandboxStorages storages, ModuleLoader modules, AgentLog log)
{
    private const int PendingOomEvents = 100;
    private const int LongestHostname = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, GuestContainer?> _containers = new(StringComparer.Ordinal);
    private readonly Channel<string> _oomEvents = Channel.CreateBounded<string>(PendingOomEvents);
    private readonly TaskCompletionSource _destroyed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool _selinux = Directory.Exists("/sys/fs/selinux") && File.Exists("/sys/fs/selinux/enforce");
    private bool _created;
    private string _id = "";
    private string _pidNamespace = "";
    private ContainerProcess? _pidNamespaceOwner;
    private bool _pidNamespaceEnded;

    public SandboxStorages Storages => storages;

    public SharedFolders SharedFolders { get; } = new(paths.Share);

    public AgentPaths Paths => paths;

    public bool SelinuxEnabled => _selinux;

    /// <summary>Containers that ran out of memory. Ends with the sandbox.</summary>
    public ChannelReader<string> OomEvents => _oomEvents.Reader;

    /// <summary>Completes when the sandbox has been destroyed and the machine may go.</summary>
    public Task Destroyed => _destroyed.Task;

    public async Task CreateAsync(Oci.CreateSandboxRequest request, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_created)
            {
                throw AgentRefusals.Internal($"this machine has its sandbox already: {_id}");
            }

            _created = true;
            _id = request.SandboxId;
        }

        try
        {
            foreach (var module in request.KernelModules)
            {
                modules.Require(module.Name, string.Join(' ', module.Parameters), mustExist: true);
            }

            await MakeNamespacesAsync(request.Hostname);
            await storages.AddAsync(request.Storages, containerId: "", cancellation);
            WriteNameServers(request.Dns);
        }
        catch
        {
            lock (_gate)
            {
                _created = false;
            }

            throw;
        }
    }

    /// <summary>What a container that is being made gets from the sandbox.</summary>
    public ContainerPlace Place(string containerId, bool sharesPids)
    {
        lock (_gate)
        {
            // A pid namespace ends with its first process: nobody can join it any more.
            if (_pidNamespaceOwner is { HasExited: true })
            {
                LetGoOfPidNamespace();
            }

            if (sharesPids && _pidNamespace.Length == 0 && !_pidNamespaceEnded
                && _containers.Values.Any(container => container is not null))
            {
                throw AgentRefusals.Internal("Sandbox does not have sandbox_pidns");
            }

            return new ContainerPlace(
                SpecAdapter.CgroupPath(_id, containerId),
                Existing(paths.IpcNamespace),
                Existing(paths.UtsNamespace),
                sharesPids ? _pidNamespace : "",
                _selinux);
        }

        static string Existing(string path) => File.Exists(path) ? path : "";
    }

    /// <summary>Keeps an id for a container that is being made; <see cref="Forget"/> gives it up again.</summary>
    public void Reserve(string containerId)
    {
        lock (_gate)
        {
            if (!_containers.TryAdd(containerId, null))
            {
                throw AgentRefusals.ContainerExists(containerId);
            }
        }
    }

    public void Add(GuestContainer container, bool sharesPids)
    {
        lock (_gate)
        {
            _containers[container.Id] = container;
            // The first one lends its pid namespace to those that share it; after its end, the next of them.
            if (_pidNamespace.Length == 0 && (sharesPids || !_pidNamespaceEnded))
            {
                _pidNamespace = Keep($"/proc/{container.Init.ProcessId}/ns/pid", paths.PidNamespace);
                _pidNamespaceOwner = container.Init;
            }
        }
    }

    public void Forget(string containerId)
    {
        lock (_gate)
        {
            _containers.Remove(containerId);
        }
    }

    /// <summary>Null if there is none, or it is still being made.</summary>
    public GuestContainer? TryFind(string containerId)
    {
        lock (_gate)
        {
            return _containers.GetValueOrDefault(containerId);
        }
    }

    /// <summary>The container for a call about one of its processes.</summary>
    public GuestContainer FindForProcess(string containerId) =>
        TryFind(containerId) ?? throw AgentRefusals.UnknownContainer();

    /// <summary>The container for a call about itself, with the code that hosts expect of that call.</summary>
    public GuestContainer Find(string containerId, StatusCode code) =>
        TryFind(containerId) ?? throw AgentRefusals.NoContainer(code, containerId);

    public IReadOnlyList<GuestContainer> Containers()
    {
        lock (_gate)
        {
            return [.. _containers.Values.OfType<GuestContainer>()];
        }
    }

    public void ReportOom(string containerId)
    {
        log.Info($"container {containerId} ran out of memory");
        _oomEvents.Writer.TryWrite(containerId);
    }

    /// <summary>Ends the long polls; the machine follows once the answer has been sent.</summary>
    public void MarkDestroyed()
    {
        _oomEvents.Writer.TryComplete();
        _destroyed.TrySetResult();
    }

    private async Task MakeNamespacesAsync(string hostname)
    {
        Directory.CreateDirectory(paths.Namespaces);
        await Namespaces.CreateAsync(paths.IpcNamespace, Namespaces.CLONE_NEWIPC);
        var name = hostname.Length > LongestHostname ? hostname[..LongestHostname] : hostname;
        await Namespaces.CreateAsync(paths.UtsNamespace, Namespaces.CLONE_NEWUTS, name.Length > 0 ? name : null);
    }

    /// <summary>For programs of the guest itself; containers get their own file from the host.</summary>
    private void WriteNameServers(IEnumerable<string> lines)
    {
        var text = string.Join('\n', lines.Select(line => line.Trim()));
        if (text.Length == 0)
        {
            return;
        }

        var file = Path.Combine(paths.Shared, "resolv.conf");
        Directory.CreateDirectory(paths.Shared);
        File.WriteAllText(file, text + "\n");
        if (File.Exists("/etc/resolv.conf"))
        {
            Mounts.Bind(file, "/etc/resolv.conf", recursive: false);
        }
    }

    private void LetGoOfPidNamespace()
    {
        _pidNamespaceOwner = null;
        _pidNamespaceEnded = true;
        if (_pidNamespace.Length > 0)
        {
            _pidNamespace = "";
            Namespaces.Remove(paths.PidNamespace);
        }
    }

    /// <summary>By a mount, because the pid in its path may come to mean another process.</summary>
    private string Keep(string pidNamespace, string path)
    {
        try
        {
            Directory.CreateDirectory(paths.Namespaces);
            File.WriteAllBytes(path, []);
            Mounts.Bind(pidNamespace, path, recursive: false);
            return path;
        }
        catch (IOException e)
        {
            // Its init has ended already: nobody could join it.
            log.Warning($"pid namespace of the sandbox: {e.Message}");
            return "";
        }
    }
}
