using System.Runtime.InteropServices;
using Kata.Platform.Linux;

namespace Kata.Adapters.Qemu;

/// <summary>The descriptors that a VMM is started with. They are closed here as soon as it has them.</summary>
internal sealed class InheritedSet : IDisposable
{
    private const int First = 3;
    private readonly List<InheritedDescriptor> _all = [];

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
