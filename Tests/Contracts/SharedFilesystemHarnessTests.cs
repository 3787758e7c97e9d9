using Kata.Core.Application.Ports;
using Kata.Tests.Harness;

namespace Kata.Tests.Contracts;

/// <summary>The harness's share keeps to the contract, as far as there are no files in it.</summary>
public sealed class SharedFilesystemHarnessTests : SharedFilesystemContract
{
    private readonly HarnessHost _host = new();

    public SharedFilesystemHarnessTests() => _host.Missing.Add("/nowhere/x");

    protected override ISharedFilesystem Filesystem => new HarnessShares(_host);
}
