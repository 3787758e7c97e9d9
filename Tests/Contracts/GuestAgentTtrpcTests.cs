using Kata.Adapters.Vsock.Agent;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Tests.Scripted;

namespace Kata.Tests.Contracts;

/// <summary>
/// Our client on the wire, against a guest like upstream's: unread output is lost when a process is waited for.
/// </summary>
public class GuestAgentTtrpcTests : GuestAgentContract
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-agent-").FullName;
    private ScriptedAgent _guest = null!;

    /// <summary>How the guest is reached.</summary>
    protected virtual ScriptedChannel Channel => ScriptedChannel.Hybrid;

    /// <summary>What the guest says it is.</summary>
    protected virtual string Version => "4.1.0";

    /// <summary>What the guest does with unread output.</summary>
    protected virtual bool DropsUnreadOutput => true;

    protected override Task<IGuestAgent> ConnectAsync(CancellationToken ct)
    {
        _guest = ScriptedAgent.Listen(Path.Combine(_directory, "a.sock"), Channel, Version, DropsUnreadOutput);
        return new TtrpcAgentConnector(TimeProvider.System).ConnectAsync(_guest.Endpoint, ct);
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _guest.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    protected override void Print(ProcessRef process, GuestStream stream, string text)
    {
        if (stream == GuestStream.Stdout)
            Find(process).Print(text);
        else
            Find(process).Complain(text);
    }

    protected override void Exit(ProcessRef process, int code) => Find(process).Exit(code);

    protected override byte[] InputOf(ProcessRef process) => Find(process).Input;

    protected override Task InputEndedAsync(ProcessRef process) => Find(process).InputEnded;

    protected override TerminalSize? SizeOf(ProcessRef process) =>
        Find(process).Size is var (rows, columns) ? new TerminalSize(columns, rows) : null;

    protected override void RunOutOfMemory(ContainerId container) =>
        _guest.OutOfMemory.Writer.TryWrite(container.Value);

    protected override Task VanishAsync() => _guest.CutAsync();

    private ScriptedProcess Find(ProcessRef process) =>
        _guest.Process(process.Container.Value, process.Exec?.Value ?? "");
}

/// <summary>The same over a virtio-serial port, against an agent that keeps unread output.</summary>
public sealed class GuestAgentSerialTests : GuestAgentTtrpcTests
{
    protected override ScriptedChannel Channel => ScriptedChannel.Serial;

    protected override string Version => "4.1.0-hex";

    protected override bool DropsUnreadOutput => false;
}
