using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.Ports;

/// <summary>A child process in the ledger of its sandbox, from before it exists.</summary>
/// <param name="ledger">The ledger.</param>
/// <param name="role">What it is.</param>
public sealed class ProcessEntry(IResourceLedger ledger, string role)
{
    private AcquiredResource _resource = new(ResourceKind.Process, role);

    /// <summary>Writes it down; <see cref="IResourceLedger.Record"/> says when that fails.</summary>
    /// <param name="processId">Its pid, 0 while it does not exist.</param>
    /// <param name="startTime">Start time of that pid in clock ticks since boot.</param>
    public void Record(int processId, long startTime)
    {
        _resource = _resource with { ProcessId = processId, StartTime = (ulong)startTime };
        ledger.Record(_resource);
    }

    /// <summary>Strikes it out. Never fails.</summary>
    public void Forget() => ledger.Forget(_resource);
}
