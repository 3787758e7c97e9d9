using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.State;

/// <summary>A container with what is open for it. The registry's lock guards the aggregate and the processes.</summary>
internal sealed class LiveContainer(Container aggregate) : IDisposable
{
    private readonly CancellationTokenSource _creation = new();
    private readonly TaskCompletionSource _creationEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Container Aggregate { get; } = aggregate;

    /// <summary>The bundle's specification; known once it has been read.</summary>
    public OciSpec? Spec { get; set; }

    /// <summary>Its limits, updates included; null until they are known.</summary>
    public OciResources? Limits { get; set; }

    /// <summary>vCPUs that it is bound to in the guest; none for all.</summary>
    public CpuList Vcpus { get; set; } = CpuList.Empty;

    /// <summary>Its volumes in memory that are as large as the machine allows.</summary>
    public IReadOnlyList<GuestMount> MemoryMounts { get; set; } = [];

    public Dictionary<ProcessRef, LiveProcess> Processes { get; } = [];

    /// <summary>How the guest says that the init ended, while that has not been told yet.</summary>
    public ExitStatus? ReportedExit { get; set; }

    /// <summary>Fires when somebody calls the creation off.</summary>
    public CancellationToken CreationCancelled => _creation.Token;

    /// <summary>Completes when the creation has ended, undo included.</summary>
    public Task CreationEnded => _creationEnded.Task;

    public void CancelCreation()
    {
        try
        {
            _creation.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The creation has failed by itself at the same moment.
        }
    }

    public void EndCreation() => _creationEnded.TrySetResult();

    public void Dispose() => _creation.Dispose();
}
