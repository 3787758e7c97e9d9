using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Apps.Agent.Upkeep;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent;

/// <summary>The guest itself: processors, memory, clock, files, figures. And what this agent does not do.</summary>
internal sealed partial class AgentService
{
    private const int LongestTerminationLog = 4096;

    public override async Task<Empty> OnlineCPUMem(Oci.OnlineCPUMemRequest request, ServerCallContext context)
    {
        await Guarded(async () =>
        {
            if (request.NbCpus > 0)
            {
                await GuestCpus.BringOnlineAsync(request.NbCpus, context.CancellationToken);
            }

            if (!request.CpuOnly)
            {
                // The device that brings memory may have come with it.
                modules.LoadForDevices();
                GuestMemory.BringOnline();
            }
        });
        return Done;
    }

    public override async Task<Empty> MemHotplugByProbe(Oci.MemHotplugByProbeRequest request, ServerCallContext context)
    {
        await Guarded(() =>
        {
            GuestMemory.Add(request.MemHotplugProbeAddr);
            return Task.CompletedTask;
        });
        return Done;
    }

    public override async Task<Empty> RemoveStaleVirtiofsShareMounts(
        Oci.RemoveStaleVirtiofsShareMountsRequest request, ServerCallContext context)
    {
        await Guarded(() =>
        {
            // Looking at a mount point makes the share's daemon release what the host has removed.
            foreach (var mount in MountInfo.Read())
            {
                if (mount.MountPoint.StartsWith(sandbox.Paths.Share + "/", StringComparison.Ordinal))
                {
                    _ = File.Exists(mount.MountPoint);
                }
            }

            return Task.CompletedTask;
        });
        return Done;
    }

    public override async Task<Empty> CopyFile(Oci.CopyFileRequest request, ServerCallContext context)
    {
        await Guarded(() =>
        {
            FileCopy.Apply(request, sandbox.Paths.Share);
            return Task.CompletedTask;
        });
        return Done;
    }

    public override Task<Oci.Metrics> GetMetrics(Oci.GetMetricsRequest request, ServerCallContext context) =>
        Task.FromResult(new Oci.Metrics { Metrics_ = GuestMetrics.Render() });

    public override Task<Oci.GetDiagnosticDataResponse> GetDiagnosticData(
        Oci.GetDiagnosticDataRequest request, ServerCallContext context)
    {
        if (request.LogType != "termination_log")
        {
            throw AgentRefusals.Invalid($"unknown log type '{request.LogType}'");
        }

        var container = sandbox.Find(request.ContainerId, StatusCode.Internal);
        if (!container.Spec.Annotations.TryGetValue("io.kubernetes.container.terminationMessagePath", out var path)
            || container.Spec.Mounts.FirstOrDefault(mount => mount.Destination == path) is not { } mount)
        {
            throw AgentRefusals.Internal($"container {container.Id} has no termination log");
        }

        var data = "";
        if (File.Exists(mount.Source))
        {
            using var file = File.OpenRead(mount.Source);
            var buffer = new byte[LongestTerminationLog];
            data = System.Text.Encoding.UTF8.GetString(
                buffer, 0, file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false));
        }

        return Task.FromResult(new Oci.GetDiagnosticDataResponse { Data = data });
    }

    public override Task<Empty> SetPolicy(Oci.SetPolicyRequest request, ServerCallContext context) =>
        throw AgentRefusals.Unimplemented("this agent has no policy engine: it carries out what its host asks");

    public override async Task<Empty> SetGuestDateTime(Oci.SetGuestDateTimeRequest request, ServerCallContext context)
    {
        await Guarded(() =>
        {
            try
            {
                Machine.SetClock(DateTimeOffset.FromUnixTimeSeconds(request.Sec).AddMicroseconds(request.Usec));
            }
            catch (ArgumentOutOfRangeException)
            {
                throw AgentRefusals.Invalid($"{request.Sec} s and {request.Usec} us are no time of this clock");
            }

            return Task.CompletedTask;
        });
        return Done;
    }

    public override Task<Empty> ReseedRandomDev(Oci.ReseedRandomDevRequest request, ServerCallContext context)
    {
        if (request.Data.IsEmpty)
        {
            throw AgentRefusals.Missing("data");
        }

        // Mixed in without being counted as entropy, so a host cannot make the pool predictable.
        File.WriteAllBytes("/dev/random", request.Data.ToByteArray());
        return Task.FromResult(Done);
    }

    public override Task<Empty> MemAgentMemcgSet(Oci.MemAgentMemcgConfig request, ServerCallContext context) =>
        throw AgentRefusals.Internal("mem-agent is disabled");

    public override Task<Empty> MemAgentCompactSet(Oci.MemAgentCompactConfig request, ServerCallContext context) =>
        throw AgentRefusals.Internal("mem-agent is disabled");
}
