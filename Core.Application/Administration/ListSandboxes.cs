using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;
using MediatR;

namespace Kata.Core.Application.Administration;

/// <summary>The sandboxes whose state is on this host.</summary>
public sealed record ListSandboxes : IQuery<ListSandboxesReply>;

/// <summary>Them, in order of their ids.</summary>
public sealed record ListSandboxesReply(IReadOnlyList<ListedSandbox> Sandboxes);

/// <summary>A sandbox with a state directory.</summary>
/// <param name="Id">The sandbox.</param>
/// <param name="Snapshot">What its shim wrote of it last; null while it starts, and after a crash in its start.</param>
public sealed record ListedSandbox(SandboxId Id, SandboxSnapshot? Snapshot);

internal sealed class ListSandboxesHandler(ISandboxStore store) : IRequestHandler<ListSandboxes, ListSandboxesReply>
{
    public async Task<ListSandboxesReply> Handle(ListSandboxes request, CancellationToken ct)
    {
        var listed = new List<ListedSandbox>();
        foreach (var id in await store.ListAsync(ct))
            listed.Add(new ListedSandbox(id, await store.LoadAsync(id, ct)));
        return new ListSandboxesReply(listed);
    }
}
