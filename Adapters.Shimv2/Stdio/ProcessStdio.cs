using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Platform.Linux;

namespace Kata.Adapters.Shimv2.Stdio;

/// <summary>Opens a process's streams; the scheme of standard output decides for both outputs.</summary>
internal sealed class ProcessStdio(BinaryLoggers loggers, TimeProvider time) : IProcessStdio
{
    public async Task<IStdioPipes> OpenAsync(
        ProcessRef process, Core.Domain.Containers.Stdio stdio, CancellationToken ct)
    {
        var stdin = StdioUri.Parse(stdio.Stdin, "standard input");
        var stdout = StdioUri.Parse(stdio.Stdout, "standard output");
        // A terminal has one stream; clients fill in the other path all the same.
        var stderr = StdioUri.Parse(stdio.Terminal ? "" : stdio.Stderr, "standard error");
        if (stdin.Scheme is not (StdioScheme.None or StdioScheme.Fifo))
            throw new KataException(ErrorKind.InvalidArgument, "standard input must be a fifo");

        FifoInput? input = null;
        try
        {
            input = stdin.Scheme == StdioScheme.Fifo ? FifoInput.Open(stdin.Path) : null;
            return new StdioPipes(input, await OpenOutputsAsync(process, stdout, stderr, stdio.Terminal, ct));
        }
        catch (LinuxException e)
        {
            input?.Dispose();
            throw ToFailure(e);
        }
        catch
        {
            input?.Dispose();
            throw;
        }
    }

    private async Task<IOutputs> OpenOutputsAsync(
        ProcessRef process, StdioUri stdout, StdioUri stderr, bool terminal,
        CancellationToken ct) => stdout.Scheme switch
        {
            StdioScheme.File => FileOutputs.Open(stdout.Path),
            StdioScheme.Binary or StdioScheme.BinaryV2 => await loggers.StartAsync(process, stdout, terminal, ct),
            _ when stderr.Scheme is StdioScheme.None or StdioScheme.Fifo =>
                await FifoOutputs.OpenAsync(stdout, stderr, time),
            _ =>
                throw new KataException(
                    ErrorKind.InvalidArgument, "standard error must be a fifo when standard output is one"),
        };

    /// <summary>The text must not read like a missing command, which is what some clients make of ENOENT's.</summary>
    private static KataException ToFailure(LinuxException e) => e switch
    {
        { Errno: Errno.ENOENT } => new KataException(ErrorKind.NotFound, $"the client's stream {e.Subject} is gone", e),
        { Errno: Errno.EINVAL } => new KataException(ErrorKind.InvalidArgument, $"the client's stream {e.Subject}", e),
        { IsRefusal: true } => new KataException(
            ErrorKind.PermissionDenied, $"the client's stream {e.Subject} may not be opened", e),
        { IsExhaustion: true } => new KataException(
            ErrorKind.ResourceExhausted, $"the client's stream {e.Subject} cannot be opened: {e.Errno}", e),
        _ => new KataException(ErrorKind.Internal, $"the client's stream {e.Subject} cannot be opened: {e.Errno}", e),
    };
}
