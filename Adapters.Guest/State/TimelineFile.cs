using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.State;

/// <summary>
/// The story of a sandbox's creations, line by line. Of a long one the beginning is kept, which tells of the sandbox's
/// own start, and the end.
/// </summary>
internal sealed class TimelineFile : IDisposable
{
    /// <summary>Its name in a state directory.</summary>
    public const string FileName = "timeline.jsonl";

    private const int MaxBytes = 192 * 1024;
    private const int KeptBytes = 32 * 1024;

    private readonly Lock _lock = new();
    private readonly string _path;
    private StateLines _file;
    private long _bytes;

    /// <summary>Goes on with the one at the path, or begins it.</summary>
    public TimelineFile(string path)
    {
        _path = path;
        _file = new StateLines(AtomicFile.OpenAppend(path));
        _bytes = new FileInfo(path).Length;
    }

    /// <summary>Adds a line.</summary>
    public void Append(TimelineEntry entry)
    {
        var line = StateLines.Line(entry, StateJson.Default.TimelineEntry);
        // Steps of a start run beside each other.
        lock (_lock)
        {
            _file.Append(line);
            _bytes += line.Length;
            if (_bytes > MaxBytes)
                Shorten();
        }
    }

    public void Dispose() => _file.Dispose();

    private void Shorten()
    {
        // If it cannot be now, so much has to come again before it is tried again.
        _bytes = 0;
        ReadOnlySpan<byte> all = File.ReadAllBytes(_path);
        var head = all[..KeptBytes];
        var tail = all[^KeptBytes..];
        byte[] kept = [.. head[..(head.LastIndexOf((byte)'\n') + 1)], .. tail[(tail.IndexOf((byte)'\n') + 1)..]];
        var anew = new StateLines(AtomicFile.WriteAndAppend(_path, kept));
        _file.Dispose();
        _file = anew;
        _bytes = kept.Length;
    }
}
