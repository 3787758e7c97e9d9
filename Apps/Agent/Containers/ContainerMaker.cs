using System.Globalization;
using Kata.Apps.Agent.Cgroups;
using Kata.Apps.Agent.Devices;
using Kata.Apps.Agent.Processes;
using Kata.Apps.Agent.Sandboxes;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Containers;

/// <summary>Makes, starts and removes containers, and the processes that are added to them.</summary>
internal sealed class ContainerMaker(
    GuestSandbox sandbox, ContainerDevices devices, Crun crun, ProcessStarter starter, AgentLog log)
{
    private const string RootDirectory = "rootfs";

    /// <summary>
    /// How long a killed process may take to end; only one stuck in the kernel takes longer than moments.
    /// </summary>
    private static readonly TimeSpan KillLimit = TimeSpan.FromSeconds(10);

    private int _execs;

    /// <summary>Up to a container whose init waits for the word to start. What fails leaves nothing behind.</summary>
    public async Task CreateAsync(Oci.CreateContainerRequest request, CancellationToken cancellation)
    {
        var id = request.ContainerId;
        if (!ContainerName.IsValid(id))
        {
            throw AgentRefusals.InvalidContainerName(id);
        }

        if (request.OCI is not { } spec)
        {
            throw AgentRefusals.Internal("EINVAL: the request has no OCI spec");
        }

        if (request.SharedMounts.Count > 0)
        {
            throw AgentRefusals.Unimplemented("this agent gives no container the mounts of another");
        }

        sandbox.Reserve(id);
        IReadOnlyList<string> storages = [];
        var bundle = sandbox.Paths.Bundle(id);
        try
        {
            sandbox.SharedFolders.Enter(id, Sources(request, spec));
            var attached = await devices.FindAsync(request.Devices, cancellation);
            storages = await sandbox.Storages.AddAsync(request.Storages, id, cancellation);
            var place = sandbox.Place(id, request.SandboxPidns);
            PrepareBundle(bundle, spec.Root?.Path ?? "");
            var adapted = SpecAdapter.Adapt(spec, place, Path.Combine(bundle, RootDirectory), MountInfo.Read());
            DeviceNodes.Adapt(adapted.Linux, attached);
            NetworkSysctls.Apply(adapted.Linux);
            WriteFile(Path.Combine(bundle, "config.json"), OciConfig.Write(adapted, DeviceNodes.Rules(adapted.Linux)));

            var init = await starter.StartAsync(
                id,
                adapted.Process.Terminal,
                (pidFile, console, streams) => crun.CreateAsync(id, bundle, pidFile, console, streams, cancellation),
                cancellation);
            var cgroup = new ContainerCgroup(sandbox.Paths.CgroupRoot + place.CgroupPath);
            sandbox.Add(new GuestContainer(id, bundle, adapted, cgroup, init, storages), request.SandboxPidns);
        }
        catch
        {
            await UndoAsync(id, bundle, storages);
            throw;
        }
    }

    public async Task StartAsync(GuestContainer container, CancellationToken cancellation)
    {
        await container.Turn.WaitAsync(cancellation);
        try
        {
            if (!container.Allows(GuestContainerTrigger.Start))
            {
                throw AgentRefusals.WrongState("start", container.Id, container.State);
            }

            OomWatch.Begin(container, sandbox, log);
            await crun.StartAsync(container.Id, cancellation);
            // One that has ended in the meantime was started all the same.
            if (container.Allows(GuestContainerTrigger.Start))
            {
                container.Change(GuestContainerTrigger.Start, "start");
            }
        }
        finally
        {
            container.Turn.Release();
        }
    }

    public async Task ExecAsync(
        GuestContainer container, Oci.ExecProcessRequest request, CancellationToken cancellation)
    {
        if (request.Process is not { } process)
        {
            throw AgentRefusals.Internal("EINVAL: the request has no process");
        }

        if (container.State is not GuestContainerState.Running)
        {
            throw AgentRefusals.WrongState("exec in", container.Id, container.State);
        }

        var adapted = process.Clone();
        SpecAdapter.Complete(adapted, sandbox.SelinuxEnabled);
        // Hosts that send no capabilities mean those of the container.
        adapted.Capabilities ??= container.Spec.Process.Capabilities?.Clone();

        container.ReserveExec(request.ExecId);
        var file = Path.Combine(container.Bundle, $"exec-{Interlocked.Increment(ref _execs)}.json");
        try
        {
            WriteFile(file, OciConfig.Write(adapted));
            var started = await starter.StartAsync(
                request.ExecId,
                adapted.Terminal,
                (pidFile, console, streams) => crun.ExecAsync(
                    container.Id, file, pidFile, console, streams, cancellation),
                cancellation);
            container.AddExec(started);
            SetOomScore(started.ProcessId, adapted.OOMScoreAdj);
        }
        finally
        {
            container.Forget(request.ExecId);
            File.Delete(file);
        }
    }

    /// <summary>Kills what runs and takes away all that the container had. Repeatable after a failure.</summary>
    public async Task RemoveAsync(GuestContainer container, CancellationToken cancellation)
    {
        await container.Turn.WaitAsync(cancellation);
        try
        {
            container.Cgroup.KillAll();
            container.Init.Signal(Signals.SIGKILL);
            using (var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation))
            {
                limited.CancelAfter(KillLimit);
                await container.Init.Exited.WaitAsync(limited.Token);
            }

            await crun.DeleteAsync(container.Id, cancellation);
            container.CloseStreams();
            RemoveBundle(container.Bundle);
            foreach (var complaint in await sandbox.Storages.ReleaseAsync(container.Storages))
            {
                log.Warning($"container {container.Id}: {complaint}");
            }

            sandbox.SharedFolders.Leave(container.Id);
            sandbox.Forget(container.Id);
        }
        finally
        {
            container.Turn.Release();
        }
    }

    /// <summary>For a process that is added, crun leaves it as it is.</summary>
    private static void SetOomScore(int processId, long score)
    {
        try
        {
            if (score != 0)
            {
                File.WriteAllText($"/proc/{processId}/oom_score_adj", score.ToString(CultureInfo.InvariantCulture));
            }
        }
        catch (IOException)
        {
            // It has ended already, or the number is none that the kernel takes.
        }
    }

    private static IEnumerable<string> Sources(Oci.CreateContainerRequest request, Oci.Spec spec) =>
        [.. request.Storages.Select(storage => storage.Source), .. spec.Mounts.Select(mount => mount.Source),
            spec.Root?.Path ?? ""];

    private static void PrepareBundle(string bundle, string rootPath)
    {
        var root = Path.Combine(bundle, RootDirectory);
        Directory.CreateDirectory(bundle);
        // One that is there already was mounted by a storage.
        if (Directory.Exists(root))
        {
            return;
        }

        if (!Directory.Exists(rootPath))
        {
            throw AgentRefusals.Internal($"the root file system '{rootPath}' is not in the guest");
        }

        Directory.CreateDirectory(root);
        Mounts.Bind(rootPath, root);
        // A container's mounts in its own root are nobody else's.
        Mounts.SetPropagation(root, MountFlags.MS_PRIVATE | MountFlags.MS_REC);
    }

    private static void RemoveBundle(string bundle)
    {
        Mounts.UnmountTree(bundle);
        var root = Path.Combine(bundle, RootDirectory);
        if (Directory.Exists(root))
        {
            // Empty by now: were it still the image, or the host's share, this fails instead of emptying it.
            Directory.Delete(root);
        }

        if (Directory.Exists(bundle))
        {
            Directory.Delete(bundle, recursive: true);
        }
    }

    private static void WriteFile(string path, ReadOnlyMemory<byte> bytes) => File.WriteAllBytes(path, bytes.Span);

    private async Task UndoAsync(string id, string bundle, IReadOnlyList<string> storages)
    {
        using var limited = new CancellationTokenSource(KillLimit);
        try
        {
            if (Directory.Exists(sandbox.Paths.CrunState(id)))
            {
                await crun.DeleteAsync(id, limited.Token);
            }

            RemoveBundle(bundle);
        }
        catch (Exception e)
            when (e is IOException or UnauthorizedAccessException or Grpc.Core.RpcException
                or OperationCanceledException)
        {
            log.Warning($"container {id} after a failed create: {e.Message}");
        }

        await sandbox.Storages.ReleaseAsync(storages);
        sandbox.SharedFolders.Leave(id);
        sandbox.Forget(id);
    }
}
