using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Win32.SafeHandles;

namespace Kata.Tests.Contracts;

/// <summary>Socket files.</summary>
public sealed class ShimSocketsTests : ShimSocketsContract, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("s").FullName;
    private readonly List<SafeFileHandle> _living = [];

    protected override IShimSockets Port => new ShimSockets { Root = _folder };

    public void Dispose()
    {
        _living.ForEach(listener => listener.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    protected override void Make(SandboxId sandbox, SandboxOwner owner, bool lives)
    {
        var listener = ShimSocket.Bind(PathOf(sandbox, owner))!;
        if (lives)
            _living.Add(listener);
        else
            listener.Dispose();
    }

    protected override bool IsThere(SandboxId sandbox, SandboxOwner owner) => File.Exists(PathOf(sandbox, owner));

    private string PathOf(SandboxId sandbox, SandboxOwner owner) =>
        ShimSocket.PathOf(_folder, owner.Daemon, owner.Namespace, sandbox.Value);
}
