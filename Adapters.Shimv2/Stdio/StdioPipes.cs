using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;

namespace Kata.Adapters.Shimv2.Stdio;

/// <summary>Where input comes from.</summary>
internal interface IInput : IDisposable
{
    /// <summary>Lets the client see that somebody reads. Idempotent.</summary>
    void Begin();

    /// <summary>0 at the end, which cannot come before <see cref="AllowEof"/>.</summary>
    ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken ct);

    /// <summary>Lets the end come once the client has closed too. Idempotent.</summary>
    void AllowEof();
}

/// <summary>Where output goes.</summary>
internal interface IOutputs : IAsyncDisposable
{
    /// <summary>Somebody takes this stream.</summary>
    bool Takes(GuestStream stream);

    /// <summary>Writes all of it.</summary>
    ValueTask WriteAsync(GuestStream stream, ReadOnlyMemory<byte> data, CancellationToken ct);

    /// <summary>Ends a stream. Idempotent.</summary>
    void Close(GuestStream stream);
}

/// <summary>Input and outputs of one process.</summary>
internal sealed class StdioPipes(IInput? input, IOutputs outputs) : IStdioPipes
{
    public bool HasStdin => input is not null;

    public bool Takes(GuestStream stream) => outputs.Takes(stream);

    public void OpenStdin() => input?.Begin();

    public ValueTask<int> ReadStdinAsync(Memory<byte> buffer, CancellationToken ct) =>
        input?.ReadAsync(buffer, ct) ?? ValueTask.FromResult(0);

    public void CloseStdin() => input?.AllowEof();

    public ValueTask WriteAsync(GuestStream stream, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        outputs.WriteAsync(stream, data, ct);

    public void CloseOutput(GuestStream stream) => outputs.Close(stream);

    public async ValueTask DisposeAsync()
    {
        input?.Dispose();
        await outputs.DisposeAsync();
    }
}
