using System.Text;
using System.Text.Json;
using Kata.Adapters.Guest.Bundles;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Hooks;

/// <summary>
/// Runs hooks as plain children: the state document on standard input, the first words of standard error in the
/// failure.
/// </summary>
internal sealed class HookRunner(TimeProvider time) : IHookRunner
{
    // A hook without a limit of its own; the budget of the start is the other bound.
    private static readonly TimeSpan DefaultLimit = TimeSpan.FromSeconds(30);

    private const int MaxWords = 2048;

    public async Task RunAsync(HookStage stage, IReadOnlyList<OciHook> hooks, HookState state, CancellationToken ct)
    {
        var document = JsonSerializer.SerializeToUtf8Bytes(
            new OciHookState("1.1.0", state.Container.Value, state.Status, state.Pid, state.Bundle.Value),
            OciJson.Default.OciHookState);
        foreach (var hook in hooks)
            await RunAsync(stage, hook, document, ct);
    }

    private async Task RunAsync(HookStage stage, OciHook hook, byte[] document, CancellationToken ct)
    {
        if (!Path.IsPathRooted(hook.Path))
            throw Failed(stage, hook, "its path is not absolute", ErrorKind.InvalidArgument);

        var limit = hook.Timeout is { } seconds and > 0 ? TimeSpan.FromSeconds(seconds) : DefaultLimit;
        using var bound = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, bound.Token);
        using var input = Pipe.Create(nonBlockingWriter: true);
        using var errors = Pipe.Create(nonBlockingReader: true);
        try
        {
            await using var child = ProcessSpawner.Spawn(new SpawnRequest
            {
                Path = hook.Path,
                Arguments = hook.Args.Count > 0 ? hook.Args : [hook.Path],
                Environment = hook.Env,
                StandardInput = input.Reader,
                StandardError = errors.Writer,
            });
            input.Reader.Dispose();
            errors.Writer.Dispose();
            try
            {
                var words = ReadWordsAsync(errors, either.Token);
                await WriteStateAsync(input, document, either.Token);
                var exit = await child.Exited.WaitAsync(either.Token);
                if (!exit.IsSuccess)
                    throw Failed(stage, hook, $"it ended with {exit.Status}: {await words}", ErrorKind.Internal);
            }
            finally
            {
                // If it still runs, what it has started goes with it.
                child.SignalGroup(Signals.SIGKILL);
            }
        }
        catch (LinuxException e)
        {
            throw Failed(stage, hook, e.Message, ErrorKind.InvalidArgument, e);
        }
        catch (OperationCanceledException) when (bound.IsCancellationRequested)
        {
            throw Failed(stage, hook, $"it did not end within {limit.TotalSeconds:0} s", ErrorKind.DeadlineExceeded);
        }
    }

    private static async Task WriteStateAsync(Pipe input, byte[] document, CancellationToken ct)
    {
        try
        {
            await DescriptorIo.WriteAsync(input.Writer, document, ct);
        }
        catch (LinuxException e) when (e.Errno == Errno.EPIPE)
        {
            // A hook need not read its input.
        }

        input.Writer.Dispose();
    }

    private static async Task<string> ReadWordsAsync(Pipe errors, CancellationToken ct)
    {
        var buffer = new byte[MaxWords];
        var length = 0;
        while (length < buffer.Length
            && await DescriptorIo.ReadAsync(errors.Reader, buffer.AsMemory(length), ct) is > 0 and var count)
            length += count;
        return Encoding.UTF8.GetString(buffer, 0, length).ReplaceLineEndings(" ").Trim();
    }

    private static KataException Failed(
        HookStage stage, OciHook hook, string why, ErrorKind kind, Exception? cause = null) =>
        new(kind, $"{stage} hook {hook.Path} failed: {why}", cause);
}
