using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Shimv2.Stdio;

/// <summary>Starts the programs that take output.</summary>
internal sealed class BinaryLoggers(ShimEnvironment environment, TimeProvider time)
{
    private const int StdoutDescriptor = 3;
    private const int StderrDescriptor = 4;
    private const int ReadyDescriptor = 5;

    /// <summary>
    /// Starts the program with the reading ends of both outputs and a pipe on which it says that it is ready, and waits
    /// for that.
    /// </summary>
    public async Task<BinaryLogger> StartAsync(ProcessRef process, StdioUri uri, bool terminal, CancellationToken ct)
    {
        using var stdout = Pipe.Create(nonBlockingWriter: true);
        using var stderr = Pipe.Create(nonBlockingWriter: true);
        using var ready = Pipe.Create(nonBlockingReader: true);
        var program = await ProcessSpawner.SpawnAsync(
            new SpawnRequest
            {
                Path = uri.Path,
                Arguments = [uri.Path, .. uri.Arguments],
                Environment = [$"CONTAINER_ID={process.Exec?.Value ?? process.Container.Value}",
                    $"CONTAINER_NAMESPACE={environment.Namespace}"],
                Descriptors =
                [
                    new InheritedDescriptor(stdout.Reader, StdoutDescriptor),
                    new InheritedDescriptor(stderr.Reader, StderrDescriptor),
                    new InheritedDescriptor(ready.Writer, ReadyDescriptor),
                ],
            },
            ct);
        try
        {
            ready.Writer.Dispose();
            var said = await DescriptorIo.ReadAsync(ready.Reader, new byte[1], ct);
            if (said == 0 && (uri.Scheme == StdioScheme.BinaryV2 || program.Exited.IsCompleted))
                throw new KataException(
                    ErrorKind.FailedPrecondition,
                    $"the logging program {uri.Path} ended or closed its readiness pipe without being ready");
            // Our own copies, for the pipes' are disposed of here; a terminal has no second stream.
            return new BinaryLogger(
                program,
                Duplicate(stdout.Writer),
                terminal ? null : Duplicate(stderr.Writer),
                time);
        }
        catch
        {
            await program.DisposeAsync();
            throw;
        }
    }

    private static SafeFileHandle Duplicate(SafeFileHandle handle) => DescriptorIo.Duplicate(handle);
}

/// <summary>Outputs to a program of the client.</summary>
internal sealed class BinaryLogger(
    SpawnedProcess program, SafeFileHandle stdout, SafeFileHandle? stderr, TimeProvider time) : IOutputs
{
    // containerd's own shim gives a logger this long to write out what it has.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(12);

    public bool Takes(GuestStream stream) => Of(stream) is not null;

    public async ValueTask WriteAsync(GuestStream stream, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        if (Of(stream) is not { } pipe)
            return;
        try
        {
            await DescriptorIo.WriteAsync(pipe, data, ct);
        }
        catch (LinuxException e) when (e.Errno == Errno.EPIPE)
        {
            // The logger is gone; the process must not block for it.
        }
    }

    public void Close(GuestStream stream)
    {
        if (Of(stream) is { } pipe)
            Poller.Close(pipe);
    }

    public async ValueTask DisposeAsync()
    {
        Close(GuestStream.Stdout);
        Close(GuestStream.Stderr);
        if (program.Signal(Signals.SIGTERM))
        {
            try
            {
                await program.Exited.WaitAsync(Grace, time);
            }
            catch (TimeoutException)
            {
                // Killed below.
            }
        }

        await program.DisposeAsync();
    }

    private SafeFileHandle? Of(GuestStream stream) => stream == GuestStream.Stdout ? stdout : stderr;
}
