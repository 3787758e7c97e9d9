using Kata.Apps.Agent.Network;
using Kata.Platform.Linux;
using Kata.Platform.Protos.Agent;
using Kata.Platform.Ttrpc;

namespace Kata.Apps.Agent.Serving;

/// <summary>Serves the agent protocol on every channel that the machine has.</summary>
internal sealed class AgentServer
{
    private const int SearchPauseMilliseconds = 5;
    private const int SlowSearchPauseMilliseconds = 200;

    /// <summary>The driver tells of a port some time after it was loaded; a machine with VSOCK may have none.</summary>
    private const int QuickSearches = 400;

    /// <summary>
    /// A process has three calls pending as long as it lives, its end and its two streams; so these are some
    /// thousands.
    /// </summary>
    private const int MaxCalls = 16 * 1024;

    private readonly TtrpcServer _server;
    private readonly AgentLog _log;

    public AgentServer(AgentService agent, HealthService health, AgentLog log)
    {
        _log = log;
        _server = new TtrpcServer(new TtrpcServerOptions
        {
            // A hop to the pool costs many times a round trip on an emulated processor.
            Reader = ReaderKind.BlockingThread,
            RunInline = static (_, method) => method is "Check" or "ReadStdout" or "ReadStderr" or "WaitProcess"
                or "GetOOMEvent",
            MaxCallsInFlight = MaxCalls,
            // By these the host sees that the guest lives, and ends what runs in it.
            IsUrgent = static (_, method) =>
                method is "Check" or "SignalProcess" or "RemoveContainer" or "DestroySandbox",
            OnHandlerError = (method, e) => log.Error($"{method}: {e.GetType().Name}: {e.Message} {e.StackTrace}"),
            OnConnectionClosed = reason => log.Debug($"connection closed: {reason.Message}"),
        });
        _server.AddService(binder => Platform.Protos.Agent.AgentService.BindService(binder, agent));
        _server.AddService(binder => Health.BindService(binder, health));
        _server.AddService(binder => PortForward.BindService(binder, new PortForwardService()));
        _server.AddService(binder => NameRelay.BindService(binder, new NameRelayService()));
    }

    public async Task ServeUnixAsync(string path, CancellationToken cancellation)
    {
        File.Delete(path);
        using var listener = UnixSocket.Listen(path);
        _log.Info($"listening on {path}");
        await _server.ServeAsync(listener, cancellation);
    }

    /// <summary>Ends only with the machine. Nothing is served where the kernel has no such sockets.</summary>
    public async Task ServeVsockAsync(uint port)
    {
        if (!VsockSocket.IsSupported())
        {
            return;
        }

        using var listener = Door.ForHost(port);
        _log.Info($"listening on vsock port {port}");
        await Door.ServeAsync(
            () => listener.AcceptAsync(),
            socket => _ = _server.ServeConnectionAsync(socket, CancellationToken.None),
            TimeProvider.System);
    }

    /// <summary>Blocks its thread for the life of the machine.</summary>
    public void ServeSerial()
    {
        var never = new ManualResetEventSlim();
        string? device;
        for (var searches = 0; (device = VirtioPort.Find(VirtioPort.Name)) is null; searches++)
        {
            never.Wait(searches < QuickSearches ? SearchPauseMilliseconds : SlowSearchPauseMilliseconds);
        }

        var port = new SerialSessions(VirtioPort.Open(device));
        _log.Info($"listening on {device}");
        while (true)
        {
            var session = port.Accept();
            _server.ServeConnectionAsync(session, CancellationToken.None).GetAwaiter().GetResult();
        }
    }

    /// <summary>Lets running calls send their answers, for so long at most.</summary>
    public async Task StopAsync(TimeSpan limit)
    {
        using var limited = new CancellationTokenSource(limit);
        await _server.StopAsync(limited.Token);
    }
}
