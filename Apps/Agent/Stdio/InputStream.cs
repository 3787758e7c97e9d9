using System.Runtime.InteropServices;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Stdio;

/// <summary>The standard input of a process: a pipe, or its terminal.</summary>
/// <param name="descriptor">The writing end, non-blocking.</param>
/// <param name="closes">
/// Whether the end of input closes the descriptor. A terminal stays open: its other direction still carries output,
/// and the program is told of the end by the user's own end-of-file character.
/// </param>
internal sealed class InputStream(SafeHandle descriptor, bool closes) : IDisposable
{
    private readonly SemaphoreSlim _writer = new(1, 1);
    private readonly Lock _gate = new();
    private int _writing;
    private bool _ended;

    /// <summary>
    /// Writes all of it, at the pace of the reader. Throws <see cref="ObjectDisposedException"/> after the end.
    /// </summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            _writing++;
        }

        try
        {
            await _writer.WaitAsync(cancellation);
            try
            {
                await DescriptorIo.WriteAsync(descriptor, data, cancellation);
            }
            finally
            {
                _writer.Release();
            }
        }
        finally
        {
            lock (_gate)
            {
                _writing--;
                CloseWhenDone();
            }
        }
    }

    /// <summary>
    /// The end of input, after what is being written. Never waits, also when the program reads no more. Repeatable.
    /// </summary>
    public void End()
    {
        lock (_gate)
        {
            _ended |= closes;
            CloseWhenDone();
        }
    }

    /// <summary>Closes at once; a writer under way gets <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _ended = true;
        }

        Poller.Close(descriptor);
    }

    private void CloseWhenDone()
    {
        if (_ended && closes && _writing == 0)
        {
            Poller.Close(descriptor);
        }
    }
}
