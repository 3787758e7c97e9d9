using Kata.Core.Application.Facts;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;

namespace Kata.Core.Application.Watching;

/// <summary>Waits for the end of the VMM, of the file daemon or of the agent's connection, and reports the first.</summary>
internal sealed class MachineWatcher(ISender sender)
{
    /// <summary>Completes when the report has been taken; never faults.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Begins to watch the sandbox's open handles.</summary>
    public void Start(IVirtualMachine machine, ISharedDirectory? share, IGuestAgent agent) => Completion = WatchAsync(machine, share, agent);

    private async Task WatchAsync(IVirtualMachine machine, ISharedDirectory? share, IGuestAgent agent)
    {
        var ends = new List<Task<string>> { Describe(machine.Exited, exit => $"the VMM ended with {exit.End?.ToString() ?? "an unknown status"}") };
        if (share is not null)
            ends.Add(Describe(share.Exited, reason => $"the file daemon ended: {reason}"));
        ends.Add(Describe(agent.Closed, reason => $"the agent's connection is gone: {reason}"));
        var reason = await await Task.WhenAny(ends);
        try
        {
            await sender.Send(new RecordMachineExit(reason), CancellationToken.None);
        }
        catch (KataException)
        {
            // The request has been logged with its failure: something could not be given back.
        }
    }

    private static async Task<string> Describe<T>(Task<T> end, Func<T, string> describe) => describe(await end);
}
