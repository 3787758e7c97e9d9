using System.Diagnostics;
using System.Text;

namespace Kata.Tests.TestHost;

/// <summary>
/// A process the test has started: its output is collected from the first byte, its input is open until closed.
/// </summary>
public sealed class RunningCommand : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Collected _stdout;
    private readonly Collected _stderr;
    private readonly string _line;

    private RunningCommand(Process process, string line)
    {
        _process = process;
        _line = line;
        _stdout = new Collected(process.StandardOutput.BaseStream);
        _stderr = new Collected(process.StandardError.BaseStream);
    }

    public int Pid => _process.Id;

    public bool HasExited => _process.HasExited;

    public string Stdout => _stdout.Text;

    public string Stderr => _stderr.Text;

    public static RunningCommand Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        return new RunningCommand(process, $"{program} {string.Join(' ', start.ArgumentList)}");
    }

    public async Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        await _process.StandardInput.BaseStream.WriteAsync(bytes);
        await _process.StandardInput.BaseStream.FlushAsync();
    }

    public Task WriteAsync(string text) => WriteAsync(Encoding.UTF8.GetBytes(text));

    public void CloseInput()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The process is gone and has left bytes unread: its exit tells the rest.
        }
    }

    /// <summary>Waits until what was printed on either stream satisfies the condition.</summary>
    public async Task WaitForOutputAsync(Func<string, bool> enough, TimeSpan limit)
    {
        using var deadline = new CancellationTokenSource(limit);
        while (true)
        {
            var more = Task.WhenAny(_stdout.Changed, _stderr.Changed);
            if (enough(Stdout) || enough(Stderr))
                return;
            if (_stdout.Completion.IsCompleted && _stderr.Completion.IsCompleted)
                throw new InvalidOperationException(Describe("ended before the awaited output"));
            try
            {
                await more.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException(
                    Describe($"did not print the awaited output within {limit.TotalSeconds:0.#} s"));
            }
        }
    }

    public Task WaitForOutputAsync(string text, TimeSpan limit) =>
        WaitForOutputAsync(printed => printed.Contains(text, StringComparison.Ordinal), limit);

    /// <summary>
    /// Waits for the end of the process and of its output; past the limit it is killed and the test fails.
    /// </summary>
    public async Task<CommandResult> ExitAsync(TimeSpan limit)
    {
        using var deadline = new CancellationTokenSource(limit);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
            await Task.WhenAll(_stdout.Completion, _stderr.Completion).WaitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            Kill();
            throw new TimeoutException(Describe($"did not end within {limit.TotalSeconds:0.#} s"));
        }

        return new CommandResult(_line, _process.ExitCode, _stdout.Bytes, Stderr, _clock.Elapsed);
    }

    public void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or AggregateException)
        {
            // It ended by itself in between.
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private string Describe(string what) =>
        $"`{_line}` {what}; so far on stdout: {Tail(Stdout)}; on stderr: {Tail(Stderr)}";

    private static string Tail(string text) => text.Length <= 2000 ? $"'{text}'" : $"…'{text[^2000..]}'";

    /// <summary>One stream, read to its end; whoever waits is told of each piece.</summary>
    private sealed class Collected
    {
        private readonly MemoryStream _bytes = new();
        private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Collected(Stream stream) => Completion = ReadAsync(stream);

        public Task Completion { get; }

        public Task Changed
        {
            get
            {
                lock (_bytes)
                    return _changed.Task;
            }
        }

        public byte[] Bytes
        {
            get
            {
                lock (_bytes)
                    return _bytes.ToArray();
            }
        }

        public string Text => Encoding.UTF8.GetString(Bytes);

        private async Task ReadAsync(Stream stream)
        {
            var buffer = new byte[64 * 1024];
            while (true)
            {
                int count;
                try
                {
                    count = await stream.ReadAsync(buffer);
                }
                catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
                {
                    count = 0;
                }

                lock (_bytes)
                {
                    _bytes.Write(buffer, 0, count);
                    var told = _changed;
                    _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    told.SetResult();
                }

                if (count == 0)
                    return;
            }
        }
    }
}
