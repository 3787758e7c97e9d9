using System.Text;

namespace Kata.Platform.Linux.Supervision;

/// <summary>
/// The last of a stream of text that somebody else writes, bounded in bytes, lines and line length. What comes out is
/// cleaned as <see cref="UntrustedText"/>.
/// </summary>
public sealed class TextTail(int maxBytes = 64 * 1024, int maxLines = 40, string? awaited = null)
{
    private const int FirstBuffer = 2048;
    private const int LongestLine = 512;

    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[]? _awaited = awaited is null ? null : Encoding.UTF8.GetBytes(awaited);
    private byte[] _bytes = [];
    private int _length;

    /// <summary>Completes when the awaited text has come, if there is one; never faults.</summary>
    public Task Seen => _seen.Task;

    /// <summary>Adds what was read, forgetting the oldest.</summary>
    public void Append(ReadOnlySpan<byte> text)
    {
        if (text.Length > maxBytes)
            text = text[^maxBytes..];
        lock (_gate)
        {
            var excess = _length + text.Length - maxBytes;
            if (excess > 0)
            {
                // Some more than needed, so that not every byte moves the rest.
                var drop = Math.Min(_length, Math.Max(excess, maxBytes / 4));
                _bytes.AsSpan(drop, _length - drop).CopyTo(_bytes);
                _length -= drop;
            }
            if (_length + text.Length > _bytes.Length)
                Array.Resize(ref _bytes, Math.Min(maxBytes, Math.Max(FirstBuffer, (_length + text.Length) * 2)));
            text.CopyTo(_bytes.AsSpan(_length));
            _length += text.Length;
            if (_awaited is { } wanted && _bytes.AsSpan(0, _length).IndexOf(wanted) >= 0)
            {
                _awaited = null;
                _seen.TrySetResult();
            }
        }
    }

    /// <summary>The last lines that have something to read.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            string text;
            lock (_gate)
                text = Encoding.UTF8.GetString(_bytes, 0, _length);
            var lines = new List<string>();
            foreach (var line in text.Split('\n'))
            {
                if (UntrustedText.Clean(line, LongestLine) is { Length: > 0 } clean)
                    lines.Add(clean);
            }
            return lines.Count > maxLines ? lines[^maxLines..] : lines;
        }
    }
}
