using System.Globalization;
using System.Text;
using Kata.Platform.Linux;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Shimv2.Logging;

/// <summary>
/// Writes lines in logrus' text format to the bundle's log fifo. Never waits: a line that the fifo does not take is
/// lost there, but the last ones are kept here.
/// </summary>
internal sealed class ContainerdLog : ILoggerProvider, ISupportExternalScope
{
    private const int KeptLines = 64;

    // A write of at most PIPE_BUF bytes goes whole or not at all.
    private const int MaxLine = 4096;

    private readonly Lock _gate = new();
    private readonly Queue<string> _kept = new();
    private readonly SafeFileHandle? _fifo;
    private readonly TimeProvider _time;
    private IExternalScopeProvider? _scopes;

    public ContainerdLog(SafeFileHandle? fifo, bool debug, TimeProvider time)
    {
        _fifo = fifo;
        _time = time;
        Debug = debug;
    }

    /// <summary>Debug messages are written too.</summary>
    public bool Debug { get; set; }

    /// <summary>The last lines, oldest first.</summary>
    public IReadOnlyList<string> Kept
    {
        get
        {
            lock (_gate)
                return [.. _kept];
        }
    }

    /// <summary>Opens <c>log</c> in a bundle; null if it is not there or nobody reads it.</summary>
    public static SafeFileHandle? OpenFifo(string bundle)
    {
        try
        {
            return Fifo.OpenWriter(Path.Combine(bundle, "log"));
        }
        catch (LinuxException)
        {
            // A shim without a log is better than no shim.
            return null;
        }
    }

    public ILogger CreateLogger(string categoryName) => new LineLogger(this);

    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    public void Dispose() => _fifo?.Dispose();

    private bool IsEnabled(LogLevel level) =>
        level != LogLevel.None && level >= (Debug ? LogLevel.Debug : LogLevel.Information);

    private void Write(LogLevel level, string message, Exception? exception)
    {
        var line = Format(level, message, exception);
        lock (_gate)
        {
            if (_kept.Count == KeptLines)
                _kept.Dequeue();
            _kept.Enqueue(line);
            if (_fifo is not null)
                Send(Encoding.UTF8.GetBytes(line));
        }
    }

    private void Send(byte[] line)
    {
        if (line.Length >= MaxLine)
            line = [.. line.AsSpan(0, MaxLine - 5), .. "…\"\n"u8];
        else
            line = [.. line, (byte)'\n'];
        try
        {
            _ = DescriptorIo.TryWrite(_fifo!, line);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // The reader is gone: EPIPE. It may come back.
        }
    }

    private string Format(LogLevel level, string message, Exception? exception)
    {
        var text = new StringBuilder(160);
        text.Append("time=\"").Append(
            _time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture)).Append('"');
        text.Append(" level=").Append(NameOf(level));
        Append(text, "msg", message);
        if (exception is not null)
            Append(text, "error", level >= LogLevel.Error ? exception.ToString() : exception.Message);
        _scopes?.ForEachScope(
            static (scope, to) =>
            {
                if (scope is IEnumerable<KeyValuePair<string, object?>> pairs)
                {
                    foreach (var (key, value) in pairs)
                    {
                        if (key != "{OriginalFormat}")
                            Append(to, key, value?.ToString() ?? "");
                    }
                }
            },
            text);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string key, string value)
    {
        text.Append(' ').Append(key).Append("=\"");
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append(@"\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                < ' ' or '\u007f' => text.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}"),
                _ => text.Append(c),
            };
        }

        text.Append('"');
    }

    private static string NameOf(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        LogLevel.Error => "error",
        _ => "fatal",
    };

    private sealed class LineLogger(ContainerdLog owner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => owner._scopes?.Push(state);

        public bool IsEnabled(LogLevel logLevel) => owner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
            string> formatter)
        {
            if (owner.IsEnabled(logLevel))
                owner.Write(logLevel, formatter(state, exception), exception);
        }
    }
}
