using Kata.Core.Application.Facts;
using Kata.Core.Application.Live;
using Kata.Core.Application.Messaging;

namespace Kata.Core.Application.Watching;

/// <summary>Waits for the end of the VMM, of the file daemon or of the agent's connection, and reports the first.</summary>
internal sealed class MachineWatcher(LiveSandbox sandbox, ISender sender)
{
    /// <summary>Completes when the report has been taken; never faults.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Begins to watch the sandbox's open handles.</summary>
    public void Start() => Completion = WatchAsync();

    private async Task WatchAsync()
    {
        var ends = new List<Task<string>> { Describe(sandbox.Machine!.Exited, exit => $"the VMM ended with {exit.End?.ToString() ?? "an unknown status"}") };
        if (sandbox.Share is { } share)
            ends.Add(Describe(share.Exited, reason => $"the file daemon ended: {reason}"));
        if (sandbox.Agent is { } agent)
            ends.Add(Describe(agent.Closed, reason => $"the agent's connection is gone: {reason}"));
        var reason = await await Task.WhenAny(ends);
        await sender.Send(new RecordMachineExit(reason), CancellationToken.None);
    }

    private static async Task<string> Describe<T>(Task<T> end, Func<T, string> describe) => describe(await end);
}
