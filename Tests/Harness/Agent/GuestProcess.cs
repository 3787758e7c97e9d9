using System.Text;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Tests.Harness.Streams;

namespace Kata.Tests.Harness.Agent;

/// <summary>A process of the guest. Its program may leave a grandchild that holds the streams open.</summary>
public sealed class GuestProcess
{
    private readonly BytePipe[] _outputs = [new(), new()];
    private readonly CancellationTokenSource _killed = new();
    private readonly TaskCompletionSource<int> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int? _deathSignal;

    internal GuestProcess(ProcessRef reference, OciProcess spec, HarnessGuestContainer container)
    {
        Ref = reference;
        Spec = spec;
        Container = container;
        if (spec.Terminal)
            Output(GuestStream.Stderr).Close();
    }

    /// <summary>Which process.</summary>
    public ProcessRef Ref { get; }

    /// <summary>What it was asked to run.</summary>
    public OciProcess Spec { get; }

    /// <summary>Fires when it is killed.</summary>
    public CancellationToken Killed => _killed.Token;

    /// <summary>Signals that it ignores.</summary>
    public HashSet<int> Ignored { get; } = [];

    /// <summary>Signals that it got.</summary>
    public List<Signal> Signals { get; } = [];

    /// <summary>Its terminal's size.</summary>
    public TerminalSize? Size { get; internal set; }

    /// <summary>A grandchild holds the streams open when it ends.</summary>
    public bool LeavesStreamsOpen { get; set; }

    /// <summary>Bytes of its input that it has not read.</summary>
    public int UnreadInput => Input.Count;

    internal HarnessGuestContainer Container { get; }

    internal BytePipe Input { get; } = new();

    internal Task<int> Exit => _exit.Task;

    /// <summary>Prints to its standard output.</summary>
    public Task PrintAsync(string text) => WriteAsync(GuestStream.Stdout, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes to a stream; waits while its container is frozen or the pipe is full.</summary>
    public async Task WriteAsync(GuestStream stream, ReadOnlyMemory<byte> data)
    {
        await Container.Thawed.WaitAsync(Killed);
        await _outputs[(int)stream].WriteAsync(data, Killed);
    }

    /// <summary>Reads its standard input.</summary>
    public ValueTask<int> ReadAsync(Memory<byte> buffer) => Input.ReadAsync(buffer, Killed);

    /// <summary>Whoever holds the streams lets them go.</summary>
    public void CloseStreams()
    {
        foreach (var output in _outputs)
            output.Close();
    }

    internal BytePipe Output(GuestStream stream) => _outputs[(int)stream];

    internal void Run(Func<GuestProcess, Task<int>> program) => _ = RunAsync(program);

    internal void Take(Signal signal)
    {
        Signals.Add(signal);
        if (Ignored.Contains(signal.Number) && signal != Signal.Kill)
            return;
        _deathSignal ??= signal.Number;
        _killed.Cancel();
    }

    /// <summary>It ends with its container or its machine.</summary>
    internal void End(int code)
    {
        _exit.TrySetResult(code);
        _killed.Cancel();
        CloseStreams();
    }

    internal void Break(Exception why)
    {
        foreach (var output in _outputs)
            output.Break(why);
        Input.Break(why);
        _exit.TrySetException(why);
        _ = _exit.Task.Exception;
        _killed.Cancel();
    }

    private async Task RunAsync(Func<GuestProcess, Task<int>> program)
    {
        // The caller is told of the start before anything runs.
        await Task.Yield();
        int code;
        try
        {
            code = await program(this);
        }
        catch (OperationCanceledException)
        {
            code = 128 + (_deathSignal ?? 9);
        }
        catch (Exception)
        {
            code = 255;
        }

        if (!LeavesStreamsOpen)
            CloseStreams();
        Input.Close();
        _exit.TrySetResult(code);
        Container.Ended(this);
    }
}
