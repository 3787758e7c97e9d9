using System.Globalization;
using Grpc.Core;
using Kata.Apps.Agent.Processes;
using Kata.Apps.Agent.Stdio;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Apps.Agent.Containers;

/// <summary>
/// Starts one process through crun: makes its streams, runs crun, and adopts what crun leaves behind.
/// </summary>
internal sealed class ProcessStarter(ChildReaper reaper, string directory)
{
    private int _count;

    /// <summary>
    /// One run of crun, with a pid file, a console socket if the process has a terminal, and its first descriptors.
    /// </summary>
    public delegate Task CrunRun(string pidFile, string? consoleSocket, StandardStreams streams);

    public async Task<ContainerProcess> StartAsync(
        string execId, bool terminal, CrunRun run, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        var name = Path.Combine(directory, Interlocked.Increment(ref _count).ToString(CultureInfo.InvariantCulture));
        var pidFile = name + ".pid";
        try
        {
            var streams = terminal
                ? await RunWithTerminalAsync(name + ".sock", pidFile, run, cancellation)
                : await RunWithPipesAsync(pidFile, run);
            try
            {
                var processId = int.Parse(
                    File.ReadAllText(pidFile).AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
                return new ContainerProcess(execId, AdoptedChild.Adopt(reaper, processId), streams);
            }
            catch
            {
                streams.Dispose();
                throw;
            }
        }
        finally
        {
            File.Delete(pidFile);
        }
    }

    private static async Task<ProcessPipes> RunWithPipesAsync(string pidFile, CrunRun run)
    {
        using var input = Pipe.Create(nonBlockingWriter: true);
        using var output = Pipe.Create(nonBlockingReader: true);
        using var errors = Pipe.Create(nonBlockingReader: true);
        try
        {
            await run(pidFile, null, new StandardStreams(input.Reader, output.Writer, errors.Writer));
        }
        catch (RpcException e) when (ReadComplaint(errors.Reader) is { Length: > 0 } complaint
            && !e.Status.Detail.Contains(complaint, StringComparison.Ordinal))
        {
            // What went wrong before crun had opened its log.
            throw AgentRefusals.Internal($"{e.Status.Detail}: {complaint}");
        }

        // Copies, so that the pipes can close everything else, whatever happens.
        return ProcessPipes.OverPipes(
            DescriptorIo.Duplicate(input.Writer), DescriptorIo.Duplicate(output.Reader),
            DescriptorIo.Duplicate(errors.Reader));
    }

    private static string ReadComplaint(SafeFileHandle errors)
    {
        var buffer = new byte[1024];
        var read = DescriptorIo.TryRead(errors, buffer);
        return System.Text.Encoding.UTF8.GetString(buffer, 0, Math.Max(0, read)).Trim();
    }

    private static async Task<ProcessPipes> RunWithTerminalAsync(
        string socketPath, string pidFile, CrunRun run, CancellationToken cancellation)
    {
        using var listener = UnixSocket.Listen(socketPath);
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var receiving = ReceiveTerminalAsync(listener, stop.Token);
            try
            {
                await run(pidFile, socketPath, StandardStreams.None);
                return ProcessPipes.OverTerminal(await receiving);
            }
            catch
            {
                // crun has failed before, or after, it sent the terminal.
                await stop.CancelAsync();
                await receiving.ContinueWith(
                    static task =>
                    {
                        if (task.IsCompletedSuccessfully)
                        {
                            task.Result.Dispose();
                        }
                        else
                        {
                            _ = task.Exception;
                        }
                    },
                    CancellationToken.None,
                    TaskContinuationOptions.None,
                    TaskScheduler.Default);
                throw;
            }
        }
        finally
        {
            File.Delete(socketPath);
        }
    }

    private static async Task<SafeFileHandle> ReceiveTerminalAsync(
        System.Net.Sockets.Socket listener, CancellationToken cancellation)
    {
        await Poller.WaitReadableAsync(listener.SafeHandle, cancellation);
        using var connection = listener.Accept();
        connection.Blocking = false;
        var handles = new List<SafeFileHandle>();
        var buffer = new byte[256];
        await FdPassing.ReceiveAsync(connection.SafeHandle, buffer, handles, cancellation);
        return handles.Count == 1
            ? handles[0]
            : throw AgentRefusals.Internal($"crun sent {handles.Count} descriptors instead of a terminal");
    }
}
