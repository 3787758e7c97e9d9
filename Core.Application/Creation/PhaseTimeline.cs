using Kata.Core.Domain;

namespace Kata.Core.Application.Creation;

/// <summary>The steps of one start, timed as they begin and end, and which of them failed first.</summary>
internal sealed class PhaseTimeline(TimeProvider time, Action<string, bool, TimeSpan> write)
{
    private readonly Lock _lock = new();
    private readonly List<(string Name, long Begin, long? End)> _phases = [];
    private readonly long _begin = time.GetTimestamp();
    private (string Phase, Exception Cause)? _failed;

    /// <summary>Time since the start began.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_begin);

    /// <summary>The phase that failed first; else the last that has begun.</summary>
    public string FailedPhase
    {
        get
        {
            lock (_lock)
                return _failed?.Phase ?? (_phases.Count > 0 ? _phases[^1].Name : "begin");
        }
    }

    /// <summary>Why the first failed; null while none has.</summary>
    public Exception? FirstFailure
    {
        get
        {
            lock (_lock)
                return _failed?.Cause;
        }
    }

    /// <summary>The phases so far.</summary>
    public IReadOnlyList<PhaseTime> Phases
    {
        get
        {
            lock (_lock)
                return [.. _phases.Select(p => new PhaseTime(p.Name,
                    time.GetElapsedTime(p.Begin, p.End ?? time.GetTimestamp())))];
        }
    }

    /// <summary>Runs a step as a phase.</summary>
    public async Task<T> RunAsync<T>(string phase, Func<Task<T>> step)
    {
        int index;
        lock (_lock)
        {
            index = _phases.Count;
            _phases.Add((phase, time.GetTimestamp(), null));
        }

        write(phase, false, Elapsed);
        try
        {
            return await step();
        }
        catch (Exception e)
        {
            lock (_lock)
                _failed ??= (phase, e);
            throw;
        }
        finally
        {
            lock (_lock)
                _phases[index] = _phases[index] with { End = time.GetTimestamp() };
            write(phase, true, Elapsed);
        }
    }

    /// <summary>Runs a step as a phase.</summary>
    public Task RunAsync(string phase, Func<Task> step) => RunAsync<object?>(phase, async () =>
    {
        await step();
        return null;
    });
}
