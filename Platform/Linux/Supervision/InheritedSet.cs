using System.Runtime.InteropServices;

namespace Kata.Platform.Linux.Supervision;

/// <summary>The descriptors that a process is started with, closed here as soon as it has them.</summary>
public sealed class InheritedSet : IDisposable
{
    private const int First = 3;
    private readonly List<InheritedDescriptor> _all = [];

    /// <summary>All of them, with the numbers that they have in the child.</summary>
    public IReadOnlyList<InheritedDescriptor> All => _all;

    /// <summary>Takes the handle over and answers the number that it has in the child.</summary>
    public int Add(SafeHandle handle)
    {
        var number = First + _all.Count;
        _all.Add(new InheritedDescriptor(handle, number));
        return number;
    }

    public void Dispose()
    {
        foreach (var (handle, _) in _all)
            handle.Dispose();
    }
}
