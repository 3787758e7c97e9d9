using Microsoft.Extensions.Logging;

namespace Kata.Tests.Harness;

/// <summary>Keeps what is logged.</summary>
public sealed class HarnessLog : ILoggerProvider, ILogger
{
    private readonly List<(LogLevel Level, string Text)> _lines = [];

    /// <summary>Every line.</summary>
    public IReadOnlyList<(LogLevel Level, string Text)> Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
        string> formatter)
    {
        lock (_lines)
            _lines.Add((logLevel, formatter(state, exception) + (exception is null ? "" : $" [{exception}]")));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
