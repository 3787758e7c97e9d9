using Kata.Core.Domain.Containers;

namespace Kata.Core.Domain.Sandboxes;

/// <summary>What a sandbox holds, in the order in which it was acquired.</summary>
public sealed class ResourceList
{
    private readonly List<AcquiredResource> _held = [];

    /// <summary>Acquisition order.</summary>
    public IReadOnlyList<AcquiredResource> Held => _held;

    /// <summary>True if nothing is left.</summary>
    public bool IsEmpty => _held.Count == 0;

    /// <summary>Adds a thing, or renews what is known of it in place.</summary>
    public void Record(AcquiredResource resource)
    {
        var index = _held.FindIndex(held => held.IsSameThing(resource));
        if (index < 0)
            _held.Add(resource);
        else
            _held[index] = resource;
    }

    /// <summary>Takes a thing off the list; unknown ones are no fault.</summary>
    public void Forget(AcquiredResource resource) => _held.RemoveAll(held => held.IsSameThing(resource));

    /// <summary>
    /// The order in which to give back: last acquired first. With an owner, only that container's part.
    /// </summary>
    public IReadOnlyList<AcquiredResource> ReleaseOrder(ContainerId? owner = null) =>
        [.. _held.Where(held => owner is null || held.Owner == owner).Reverse()];
}
