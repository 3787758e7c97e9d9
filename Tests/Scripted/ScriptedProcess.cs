using System.Text;
using Grpc.Core;

namespace Kata.Tests.Scripted;

/// <summary>A process of a <see cref="ScriptedAgent"/>: tests write its output and end it, and see its input.</summary>
public sealed class ScriptedProcess(bool terminal)
{
    private readonly TaskCompletionSource<int> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Output _stdout = new();
    private readonly Output _stderr = new();
    private readonly Lock _gate = new();
    private readonly MemoryStream _input = new();
    private readonly TaskCompletionSource _inputEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Has a terminal.</summary>
    public bool Terminal { get; } = terminal;

    /// <summary>The last size of its terminal.</summary>
    public (uint Rows, uint Columns)? Size { get; internal set; }

    /// <summary>What it was told.</summary>
    public byte[] Input
    {
        get
        {
            lock (_gate)
                return _input.ToArray();
        }
    }

    /// <summary>Completes when its input has ended.</summary>
    public Task InputEnded => _inputEnded.Task;

    /// <summary>Completes with its code.</summary>
    public Task<int> Exited => _exit.Task;

    /// <summary>Prints to standard output.</summary>
    public void Print(string text) => _stdout.Write(Encoding.UTF8.GetBytes(text));

    /// <summary>Prints to standard error.</summary>
    public void Complain(string text) => _stderr.Write(Encoding.UTF8.GetBytes(text));

    /// <summary>Ends; only the first code counts.</summary>
    public void Exit(int code)
    {
        if (!_exit.TrySetResult(code))
            return;
        _stdout.End();
        _stderr.End();
    }

    /// <summary>Its exit code has been fetched: it can be read, but no more signalled or waited for.</summary>
    internal bool IsReaped { get; set; }

    internal Task<byte[]> ReadAsync(bool stderr, int length) => (stderr ? _stderr : _stdout).ReadAsync(length);

    internal void DropOutput()
    {
        _stdout.Drop();
        _stderr.Drop();
    }

    internal void Take(byte[] input)
    {
        if (_inputEnded.Task.IsCompleted)
            throw new RpcException(new Status(StatusCode.Internal, "\"Cannot get writer\""));
        lock (_gate)
            _input.Write(input);
    }

    internal void EndInput() => _inputEnded.TrySetResult();

    private sealed class Output
    {
        private readonly Lock _gate = new();
        private readonly Queue<byte> _bytes = new();
        private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private bool _ended;

        public void Write(byte[] bytes) => Change(() =>
        {
            foreach (var b in bytes)
                _bytes.Enqueue(b);
        });

        public void End() => Change(() => _ended = true);

        public void Drop() => Change(() =>
        {
            _bytes.Clear();
            _ended = true;
        });

        /// <summary>Waits for at least a byte; empty at the end.</summary>
        public async Task<byte[]> ReadAsync(int length)
        {
            while (true)
            {
                Task changed;
                lock (_gate)
                {
                    if (_bytes.Count > 0 || _ended)
                    {
                        var read = new byte[Math.Min(length, _bytes.Count)];
                        for (var i = 0; i < read.Length; i++)
                            read[i] = _bytes.Dequeue();
                        return read;
                    }

                    changed = _changed.Task;
                }

                await changed;
            }
        }

        private void Change(Action change)
        {
            TaskCompletionSource changed;
            lock (_gate)
            {
                change();
                changed = _changed;
                _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            changed.SetResult();
        }
    }
}
