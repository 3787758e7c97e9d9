using System.Text;
using Google.Protobuf;
using Kata.Adapters.Vsock.Agent;
using Kata.Adapters.Vsock.Dialing;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Platform.Ttrpc;
using Kata.Tests.Harness;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Hostile;

/// <summary>
/// An agent in the hands of somebody who means ill, on the wire and on virtual time. It keeps to the protocol for a
/// while, so that there is something to break, and from then on answers each call honestly or by one of its lies, all
/// by a seed.
/// </summary>
internal sealed class HostileAgent : IGuestAgentConnector
{
    private readonly Lock _gate = new();
    private readonly Random _random;
    private readonly ManualTime _time;
    private readonly HostileAnswers _answers;
    private readonly HostileProcesses _processes;
    private readonly List<(uint Stream, Method Method)> _held = [];
    private readonly int _honestCalls;
    private readonly double _honesty;
    private readonly double _obsession;
    private readonly Lie _favourite;
    private long _mostBefore;

    public HostileAgent(int seed, HarnessHost host)
    {
        _random = new Random(seed);
        _time = host.Time;
        _answers = new HostileAnswers(_random);
        _processes = new HostileProcesses(_random);
        Wire = new HostileWire(Receive);
        _honestCalls = _random.Next(3) == 0 ? _random.Next(12) : _random.Next(12, 60);
        _honesty = new[] { 0, 0.3, 0.7, 0.95 }[_random.Next(4)];
        _obsession = _random.Next(2) * 0.8;
        _favourite = Enum.GetValues<Lie>()[_random.Next(Enum.GetValues<Lie>().Length)];
    }

    /// <summary>
    /// Calls that the host has made, but for the reading and writing of streams, which go at the pace of their ends.
    /// </summary>
    public int Calls { get; private set; }

    /// <summary>The host's end of the channel that is open now or was last.</summary>
    public HostileWire Wire { get; private set; }

    /// <summary>
    /// Most bytes that the process has allocated from one read of a channel to the next: what a frame costs.
    /// </summary>
    public long MostForOneRead => Math.Max(_mostBefore, Wire.MostForOneRead);

    /// <summary>How often the host has connected.</summary>
    public int Connections { get; private set; }

    /// <summary>What it has been told to lie by, and how often, for the text of a failure.</summary>
    public string Manner =>
        $"{_honestCalls} honest calls, then {_honesty:0.##} honest, {_obsession:0.##} of the rest {_favourite}";

    public async Task<IGuestAgent> ConnectAsync(GuestEndpoint endpoint, CancellationToken ct)
    {
        await _time.Delay(TimeSpan.FromMilliseconds(500), ct);
        return await new DialResilience(_time).UntilAnsweredAsync(ConnectOnceAsync, endpoint, ct);
    }

    private Task<IGuestAgent> ConnectOnceAsync(CancellationToken ct)
    {
        _mostBefore = MostForOneRead;
        Wire = new HostileWire(Receive);
        Connections++;
        var client = new TtrpcClient(Wire, TtrpcAgentConnector.OptionsFor(_time));
        return TtrpcAgentConnector.AnsweredAsync(TtrpcAgentConnector.Open(client, _time), ct);
    }

    private void Receive(FrameHeader header, byte[] bytes)
    {
        lock (_gate)
        {
            if (header.Type != FrameType.Request)
                return;
            var request = RequestEnvelope.Parse(bytes);
            var method = Method.Of(Encoding.UTF8.GetString(request.Method), bytes.AsSpan()[request.Payload]);
            _answers.Known.Add(method.Container);
            if (!method.IsStream)
                Calls++;
            _processes.See(header.StreamId, method);
            Later(() => Answer(header.StreamId, method));
        }
    }

    private void Answer(uint stream, Method method)
    {
        if (Calls <= _honestCalls || _random.NextDouble() < _honesty)
            Honestly(stream, method);
        else
            Tell(_random.NextDouble() < _obsession ? _favourite : HostileAnswers.Any(_random), stream, method);
    }

    private void Honestly(uint stream, Method method)
    {
        foreach (var (of, answer) in _processes.Answers(stream, method))
            Respond(of, answer);
        if (_processes.EndsSoon(method) is { } end)
            Later(() => Honestly(0, end), TimeSpan.FromSeconds(_random.Next(1, 20)));
    }

    private void Tell(Lie lie, uint stream, Method method)
    {
        switch (lie)
        {
            case Lie.Withhold:
                break;
            case Lie.Reorder:
                _held.Add((stream, method));
                while (_held.Count > _random.Next(1, 6))
                {
                    var at = _random.Next(_held.Count);
                    var (of, call) = _held[at];
                    _held.RemoveAt(at);
                    Honestly(of, call);
                }

                break;
            case Lie.Late:
                Later(() => Honestly(stream, method), TimeSpan.FromSeconds(_random.Next(1, 120)));
                break;
            case Lie.Repeat:
                for (var times = _random.Next(2, 50); times > 0; times--)
                    Honestly(stream, method);
                break;
            case Lie.HangUp:
                Wire.End();
                break;
            default:
                foreach (var bytes in _answers.Lies(lie, stream, method))
                    Wire.Send(bytes);
                break;
        }
    }

    private void Respond(uint stream, IMessage message) =>
        Wire.Send(
            HostileWire.Frame(stream, (byte)FrameType.Response, 0, HostileAnswers.Envelope(message.ToByteArray())));

    // What passes the channel takes a while, or a host that asks again at once would do so without time passing.
    private void Later(Action act, TimeSpan? after = null) => _ = _time.CreateTimer(
        _ =>
        {
            lock (_gate)
                act();
        },
        null,
        after ?? TimeSpan.FromMilliseconds(_random.Next(1, 20)),
        Timeout.InfiniteTimeSpan);
}

/// <summary>A call that the host has made: its name and whose it is.</summary>
internal readonly record struct Method(string Name, string Container, string Exec, uint Number)
{
    private static readonly HashSet<string> OfProcesses =
    [
        "CreateContainer", "StartContainer", "RemoveContainer", "ExecProcess", "SignalProcess", "WaitProcess",
        "ReadStdout", "ReadStderr",
        "WriteStdin", "CloseStdin", "StatsContainer", "PauseContainer", "ResumeContainer", "UpdateContainer",
        "TtyWinResize",
    ];

    /// <summary>Reads or writes a stream.</summary>
    public bool IsStream => Name is "ReadStdout" or "ReadStderr" or "WriteStdin";

    public static Method Of(string name, ReadOnlySpan<byte> payload)
    {
        if (!OfProcesses.Contains(name))
            return new Method(name, "", "", 0);
        if (name == "SignalProcess")
        {
            var signal = Proto.SignalProcessRequest.Parser.ParseFrom(payload);
            return new Method(name, signal.ContainerId, signal.ExecId, signal.Signal);
        }

        if (name == "WriteStdin")
        {
            var write = Proto.WriteStreamRequest.Parser.ParseFrom(payload);
            return new Method(name, write.ContainerId, write.ExecId, (uint)write.Data.Length);
        }

        if (name is "ReadStdout" or "ReadStderr")
        {
            var read = Proto.ReadStreamRequest.Parser.ParseFrom(payload);
            return new Method(name, read.ContainerId, read.ExecId, read.Len);
        }

        var hasExec = name is "ExecProcess" or "WaitProcess" or "CloseStdin" or "TtyWinResize";
        var any = Proto.WaitProcessRequest.Parser.ParseFrom(payload);
        return new Method(name, any.ContainerId, hasExec ? any.ExecId : any.ContainerId, 0);
    }
}
