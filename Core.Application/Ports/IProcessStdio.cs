using Kata.Core.Domain.Containers;

namespace Kata.Core.Application.Ports;

/// <summary>Opens the client's side of a process's streams.</summary>
public interface IProcessStdio
{
    /// <summary>
    /// Opens fifos, files or loggers as the paths say, at Create and at Exec. Fails, and leaves nothing open, if one
    /// cannot be had; never makes a fifo or a regular file in a fifo's place.
    /// </summary>
    Task<IStdioPipes> OpenAsync(ProcessRef process, Stdio stdio, CancellationToken ct);
}

/// <summary>The client's side of a process's streams.</summary>
public interface IStdioPipes : IAsyncDisposable
{
    /// <summary>There is a standard input to read from.</summary>
    bool HasStdin { get; }

    /// <summary>The client takes this stream; output of one that nobody takes is read and dropped.</summary>
    bool Takes(GuestStream stream);

    /// <summary>
    /// Begins to take input, when the process has been started and not before: a client that is relieved of its input
    /// while it waits for its task to exist may overlook the input's end. Idempotent.
    /// </summary>
    void OpenStdin();

    /// <summary>
    /// Reads what the client wrote, after <see cref="OpenStdin"/>; 0 once input has ended by <see cref="CloseStdin"/>
    /// and all of it has been read.
    /// </summary>
    ValueTask<int> ReadStdinAsync(Memory<byte> buffer, CancellationToken ct);

    /// <summary>Gives up our own hold on the input, so that its end can be seen. Idempotent.</summary>
    void CloseStdin();

    /// <summary>Writes all of the data; waits while the client does not read.</summary>
    ValueTask WriteAsync(GuestStream stream, ReadOnlyMemory<byte> data, CancellationToken ct);

    /// <summary>
    /// Ends an output stream: the client sees its end. What it has not read by then it still can until the disposal,
    /// also a client that comes back and opens its end anew. Idempotent.
    /// </summary>
    void CloseOutput(GuestStream stream);
}
