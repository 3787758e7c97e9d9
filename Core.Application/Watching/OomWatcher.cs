using Kata.Core.Application.Facts;
using Kata.Core.Application.Live;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Domain;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Watching;

/// <summary>Turns the guest's out-of-memory events into facts; ends with the agent's connection.</summary>
internal sealed class OomWatcher(LiveSandbox sandbox, ISender sender, ILogger<OomWatcher> log)
{
    /// <summary>Completes with the connection; never faults.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Begins to watch.</summary>
    public void Start() => Completion = WatchAsync();

    private async Task WatchAsync()
    {
        try
        {
            await foreach (var container in sandbox.Agent!.OutOfMemoryAsync(CancellationToken.None))
                await sender.Send(new RecordOutOfMemory(container), CancellationToken.None);
        }
        catch (KataException e)
        {
            BootLog.OomWatchEnded(log, e.Message);
        }
    }
}
