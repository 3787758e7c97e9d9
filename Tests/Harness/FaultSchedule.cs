using Kata.Core.Domain;

namespace Kata.Tests.Harness;

/// <summary>What goes wrong at a port call.</summary>
public enum FaultKind
{
    /// <summary>The call fails with a kind.</summary>
    Fail,

    /// <summary>The call fails with an exception that no port may let out.</summary>
    Bug,

    /// <summary>
    /// The call does not return until its token fires; an agent's call also ends with its deadline or its connection.
    /// </summary>
    Hang,

    /// <summary>The call takes a while, then goes on.</summary>
    Slow,

    /// <summary>The VMM is killed at the call.</summary>
    MachineDies,

    /// <summary>The file daemon is killed at the call.</summary>
    FileDaemonDies,

    /// <summary>The VMM is killed at the call, and the end of its file daemon is noticed first.</summary>
    MachineDiesAfterFileDaemon,

    /// <summary>The connection to the agent is lost at the call.</summary>
    ConnectionLost,

    /// <summary>From the call on the agent answers nothing any more.</summary>
    AgentHangs,

    /// <summary>From the call on nothing can be written to the disk.</summary>
    DiskFull,
}

/// <summary>One thing that goes wrong.</summary>
/// <param name="Call">The call's name, such as <c>agent.create</c>; <c>*</c> for any.</param>
/// <param name="Occurrence">At the how manieth such call, from 1.</param>
/// <param name="Kind">What goes wrong.</param>
public sealed record Fault(string Call, int Occurrence, FaultKind Kind)
{
    /// <summary>The kind with which a call fails.</summary>
    public ErrorKind Error { get; init; } = ErrorKind.Internal;

    /// <summary>How long a slow call takes.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromSeconds(3);
}

/// <summary>Which calls go wrong, and how.</summary>
public sealed class FaultSchedule
{
    private readonly List<Fault> _faults;
    private readonly Dictionary<string, int> _counts = [];

    /// <summary>A schedule; none for a world in which all goes well.</summary>
    public FaultSchedule(params IEnumerable<Fault> faults) => _faults = [.. faults];

    /// <summary>Adds a fault.</summary>
    public void Add(Fault fault) => _faults.Add(fault);

    /// <summary>Counts a call and answers what goes wrong at it.</summary>
    public Fault? Take(string call)
    {
        var ofName = _counts[call] = _counts.GetValueOrDefault(call) + 1;
        var ofAny = _counts["*"] = _counts.GetValueOrDefault("*") + 1;
        return _faults.Find(
            fault => fault.Call == "*" ? fault.Occurrence == ofAny : fault.Call == call && fault.Occurrence == ofName);
    }

    /// <summary>A schedule drawn from a seed: the same seed gives the same faults.</summary>
    public static FaultSchedule Random(Random random, int most)
    {
        var kinds = Enum.GetValues<FaultKind>();
        var errors = new[] { ErrorKind.Internal, ErrorKind.Unavailable, ErrorKind.NotFound, ErrorKind.ResourceExhausted, ErrorKind.PermissionDenied };
        return new FaultSchedule(Enumerable.Range(0, random.Next(most + 1)).Select(_ =>
            new Fault("*", random.Next(1, 60),
                kinds[random.Next(kinds.Length)])
            {
                Error = errors[random.Next(errors.Length)]
            }));
    }
}
