using System.Collections.Concurrent;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Shimv2.Events;

/// <summary>
/// Where nobody takes events they go to the log, and an out-of-memory kill becomes the file that CRI-O looks for.
/// </summary>
internal sealed class CrioEvents(ILogger<CrioEvents> log) : ITaskEvents
{
    private readonly ConcurrentDictionary<ContainerId, HostPath> _bundles = new();

    public void Enqueue(IDomainEvent domainEvent)
    {
        switch (domainEvent)
        {
            case ContainerCreated created:
                _bundles[created.Container] = created.Bundle;
                break;
            case ContainerDeleted deleted:
                _bundles.TryRemove(deleted.Container, out _);
                break;
            case ContainerOutOfMemory oom when _bundles.TryGetValue(oom.Container, out var bundle):
                Mark(bundle);
                break;
        }

        if (TaskEventMapping.ToEvent(domainEvent) is { } taskEvent)
            EventLog.NotForwarded(log, taskEvent.Topic);
    }

    public Task DrainAsync(CancellationToken ct) => Task.CompletedTask;

    private void Mark(HostPath bundle)
    {
        try
        {
            File.WriteAllBytes(bundle.Append("oom").Value, []);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            EventLog.NoOomFile(log, bundle.Value, e);
        }
    }
}
