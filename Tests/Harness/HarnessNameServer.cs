using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness;

/// <summary>A name server of Docker in memory, which answers each question with itself.</summary>
public sealed class HarnessNameServer(HarnessHost host) : INameServer
{
    /// <summary>The files that name it.</summary>
    public HashSet<string> NamedBy { get; } = [];

    /// <summary>False for a container that has none.</summary>
    public bool IsThere { get; set; } = true;

    /// <summary>Where it was asked last.</summary>
    public NetworkNamespacePath? Asked { get; private set; }

    /// <inheritdoc/>
    public async Task<bool> IsNamedByAsync(HostPath resolvConf, CancellationToken ct)
    {
        await host.EnterAsync("names.look", ct);
        return NamedBy.Contains(resolvConf.Value);
    }

    /// <inheritdoc/>
    public async Task<ReadOnlyMemory<byte>?> AskAsync(
        NetworkNamespacePath networkNamespace, NameQuestion question, CancellationToken ct)
    {
        await host.EnterAsync("names.ask", ct);
        Asked = networkNamespace;
        return IsThere ? question.Message : default(ReadOnlyMemory<byte>?);
    }
}
