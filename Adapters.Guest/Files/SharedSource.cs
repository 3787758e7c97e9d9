using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;

namespace Kata.Adapters.Guest.Files;

/// <summary>One file or folder in the share, and the containers that have it.</summary>
/// <param name="view">What it is on the host.</param>
/// <param name="segment">Its name in the share.</param>
/// <param name="later">What is mounted below it; null if that is not followed.</param>
internal sealed class SharedSource(SourceView view, string segment, LaterMounts? later)
{
    private readonly List<(ContainerId Container, ShareAccess Access)> _users = [];

    public SourceView View => view;

    public string Segment => segment;

    public LaterMounts? Later => later;

    /// <summary>Other file systems are mounted below.</summary>
    public bool HasMounts => view.HasMounts || later is { Any: true };

    /// <summary>The host lets the guest write there.</summary>
    public bool IsWritable { get; set; }

    /// <summary>What the host mounts below is for reading only.</summary>
    public bool IsReadOnlyBelow => !IsWritable && !view.IsTopOnly;

    /// <summary>Somebody has it.</summary>
    public bool IsUsed => _users.Count > 0;

    /// <summary>Somebody may write there.</summary>
    public bool IsWritten => _users.Any(user => user.Access == ShareAccess.ReadWrite);

    public bool IsUsedBy(ContainerId container) => _users.Any(user => user.Container == container);

    public void Add(ContainerId container, ShareAccess access) => _users.Add((container, access));

    public void Remove(ContainerId container) => _users.RemoveAll(user => user.Container == container);
}
