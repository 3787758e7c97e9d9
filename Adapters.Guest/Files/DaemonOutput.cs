using System.Text;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Guest.Files;

/// <summary>What a daemon writes: its last lines, and whether a certain text has come.</summary>
internal sealed class DaemonOutput
{
    private const int MaxBytes = 8192;
    private const int MaxLines = 12;

    private readonly Lock _gate = new();
    private readonly StringBuilder _tail = new();
    private readonly string _awaited;
    private readonly TaskCompletionSource _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="reader">The reading end of a pipe, non-blocking; owned from here on.</param>
    /// <param name="awaited">The text to wait for.</param>
    public DaemonOutput(SafeFileHandle reader, string awaited)
    {
        _awaited = awaited;
        Ended = PumpAsync(reader);
    }

    /// <summary>Completes when the text has come; never faults.</summary>
    public Task Seen => _seen.Task;

    /// <summary>Completes at the end of the output; never faults.</summary>
    public Task Ended { get; }

    /// <summary>The last lines, without control characters.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            string text;
            lock (_gate)
                text = _tail.ToString();
            return [.. text.Split('\n').Select(Clean).Where(line => line.Length > 0).TakeLast(MaxLines)];
        }
    }

    private async Task PumpAsync(SafeFileHandle reader)
    {
        using (reader)
        {
            var buffer = new byte[1024];
            try
            {
                int read;
                while ((read = await DescriptorIo.ReadAsync(reader, buffer)) > 0)
                    Append(Encoding.UTF8.GetString(buffer, 0, read));
            }
            catch (Exception failure) when (failure is LinuxException or ObjectDisposedException)
            {
                // The daemon is no worse off for our not hearing it.
            }
        }
    }

    private void Append(string text)
    {
        lock (_gate)
        {
            _tail.Append(text);
            if (!_seen.Task.IsCompleted && _tail.ToString().Contains(_awaited, StringComparison.Ordinal))
                _seen.TrySetResult();
            if (_tail.Length > MaxBytes)
                _tail.Remove(0, _tail.Length - (MaxBytes / 2));
        }
    }

    private static string Clean(string line) => new string([.. line.Where(c => !char.IsControl(c)).Take(400)]).Trim();
}
