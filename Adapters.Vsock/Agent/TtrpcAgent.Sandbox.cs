using System.Runtime.CompilerServices;
using Grpc.Core;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

internal sealed partial class TtrpcAgent
{
    // An agent with this in its version keeps what nobody has read when its process is waited for.
    private const string KeepsUnreadOutputMark = "hex";

    public async Task CheckAsync(CancellationToken ct)
    {
        var answer = await _call.RunAsync(
            "Check", o => _health.CheckAsync(new Proto.CheckRequest(), o), AgentDeadlines.Check, ct);
        if (answer.Status != Proto.HealthCheckResponse.Types.ServingStatus.Serving)
            throw new KataException(
                ErrorKind.Unavailable, $"the guest agent answers that it is {answer.Status}, not serving");
    }

    public async Task<GuestDetails> OpenAsync(GuestSandboxSpec spec, CancellationToken ct)
    {
        await CallAsync("CreateSandbox", o => _agent.CreateSandboxAsync(AgentMapping.ToProto(spec), o), ct);

        var request = new Proto.GuestDetailsRequest { MemBlockSize = true, MemHotplugProbe = true };
        var details = AgentMapping.FromProto(
            await CallAsync("GetGuestDetails", o => _agent.GetGuestDetailsAsync(request, o), ct));
        _keepsUnreadOutput = details.AgentVersion.Contains(KeepsUnreadOutputMark, StringComparison.OrdinalIgnoreCase);
        return details;
    }

    public Task CloseAsync(CancellationToken ct)
    {
        _isClosing = true;
        return CallAsync("DestroySandbox", o => _agent.DestroySandboxAsync(new Proto.DestroySandboxRequest(), o), ct);
    }

    public Task OnlineResourcesAsync(VmResources reached, CancellationToken ct)
    {
        var request = new Proto.OnlineCPUMemRequest { NbCpus = (uint)reached.Vcpus, CpuOnly = reached.MemoryMib == 0 };
        return CallAsync("OnlineCPUMem", o => _agent.OnlineCPUMemAsync(request, o), ct);
    }

    public async IAsyncEnumerable<ContainerId> OutOfMemoryAsync([EnumeratorCancellation] CancellationToken ct)
    {
        while (true)
        {
            if (await NextOutOfMemoryAsync(ct) is { } answer && Known(answer.ContainerId) is { } id)
                yield return id;
            if (_isClosing || Closed.IsCompleted)
                yield break;
            await Task.WhenAny(Task.Delay(AgentDeadlines.WatchPause, _time, ct), Closed);
            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Null if the agent refused, as it does while its sandbox closes.</summary>
    private async Task<Proto.OOMEvent?> NextOutOfMemoryAsync(CancellationToken ct)
    {
        try
        {
            return await _call.SendAsync(
                o => _agent.GetOOMEventAsync(new Proto.GetOOMEventRequest(), o), limit: null, ct);
        }
        catch (RpcException)
        {
            return null;
        }
    }

    /// <summary>The guest's word for a container, or null for what cannot be one.</summary>
    private static ContainerId? Known(string id)
    {
        try
        {
            return ContainerId.Parse(id);
        }
        catch (KataException)
        {
            return null;
        }
    }
}
