using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Hostile;

/// <summary>
/// The honest half of a <see cref="HostileAgent"/>: processes that print a little and end when they are told to.
/// </summary>
internal sealed class HostileProcesses(Random random)
{
    // Beyond that they are silent: how much a program prints is its client's matter.
    private const int MaxPrints = 200;

    private readonly List<(uint Stream, Method Method)> _waiting = [];
    private readonly Dictionary<(string Container, string Exec), int> _ended = [];
    private int _prints;

    /// <summary>A call that waits for a process, however the agent will answer it.</summary>
    public void See(uint stream, Method method)
    {
        if (method.Name == "WaitProcess" || method.Name.StartsWith("Read", StringComparison.Ordinal))
            _waiting.Add((stream, method));
        if (method.Name is "CreateContainer" or "ExecProcess")
            _ended.Remove((method.Container, method.Exec));
    }

    /// <summary>
    /// What an honest agent says now: to this call, if there is an answer yet, and to those that have waited for it.
    /// </summary>
    public IEnumerable<(uint Stream, IMessage Answer)> Answers(uint stream, Method method)
    {
        if (method.Name is "SignalProcess" && method.Number is 9 or 15)
            End(method.Container, method.Exec == "" ? null : method.Exec, 128 + (int)method.Number);
        else if (method.Name == "RemoveContainer")
            End(method.Container, null, 137);
        if (stream != 0 && Answer(method) is { } answer)
        {
            _waiting.RemoveAll(call => call.Stream == stream);
            yield return (stream, answer);
        }

        foreach (var call in _waiting.Where(call => _ended.ContainsKey((call.Method.Container, call.Method.Exec))).ToList())
        {
            _waiting.Remove(call);
            yield return (call.Stream, Answer(call.Method)!);
        }
    }

    /// <summary>The signal that a process which has just begun gives itself later, if it does.</summary>
    public Method? EndsSoon(Method method) => method.Name is "StartContainer" or "ExecProcess" && random.Next(4) == 0
        ? new Method("SignalProcess", method.Container, method.Exec, 15)
        : null;

    private void End(string container, string? exec, int code)
    {
        foreach (var (_, call) in _waiting)
        {
            if (call.Container == container && (exec is null || exec == container || call.Exec == exec))
                _ended.TryAdd((container, call.Exec), code);
        }

        if (exec is not null)
            _ended.TryAdd((container, exec), code);
    }

    private IMessage? Answer(Method method)
    {
        var ended = _ended.TryGetValue((method.Container, method.Exec), out var code);
        return method.Name switch
        {
            "Check" => new Proto.HealthCheckResponse { Status = Proto.HealthCheckResponse.Types.ServingStatus.Serving },
            "GetGuestDetails" =>
                new Proto.GuestDetailsResponse
                {
                    AgentDetails = new Proto.AgentDetails { Version = "4.1.0-hex", StorageHandlers = { "part" } }
                },
            "GetOOMEvent" => random.Next(20) == 0 ? new Proto.OOMEvent { ContainerId = "pod" } : null,
            "WaitProcess" => ended ? new Proto.WaitProcessResponse { Status = code } : null,
            "ReadStdout" or "ReadStderr" when ended => new Proto.ReadStreamResponse(),
            "ReadStdout" or "ReadStderr" => _prints++ < MaxPrints
                ? new Proto.ReadStreamResponse
                {
                    Data = ByteString.CopyFrom(new byte[random.Next(1, (int)method.Number + 1)])
                }
                : null,
            "WriteStdin" => new Proto.WriteStreamResponse { Len = method.Number },
            "StatsContainer" =>
                new Proto.StatsContainerResponse
                {
                    CgroupStats = new Proto.CgroupStats { PidsStats = new Proto.PidsStats { Current = 1 } }
                },
            _ => new Empty(),
        };
    }
}
