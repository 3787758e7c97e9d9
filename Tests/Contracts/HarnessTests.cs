using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Kata.Tests.Harness.Agent;
using Kata.Tests.Harness.Streams;

namespace Kata.Tests.Contracts;

/// <summary>The agent of the harness, whose processes do what the test says.</summary>
public sealed class GuestAgentHarnessTests : GuestAgentContract
{
    private readonly HarnessHost _host = new();
    private readonly Dictionary<ProcessRef, Script> _scripts = [];

    protected override async Task<IGuestAgent> ConnectAsync(CancellationToken ct)
    {
        var hypervisor = new HarnessHypervisor(_host) { LaunchTime = TimeSpan.Zero };
        hypervisor.Programs["true"] = process => Of(process.Ref).RunAsync(process);
        var machine = (HarnessMachine)await hypervisor.LaunchAsync(
            new VmSpec
            {
                Sandbox = SandboxId.Parse("box"),
                Name = "box",
                Machine = new MachineOptions { Program = HostPath.Parse("/vmm", "vmm") },
                Boot = new BootAssets { Kernel = HostPath.Parse("/kernel", "kernel") },
                Resources = new VmResources(2, 4, 512, 1024, 1),
            },
            new VmPlacement { StateDirectory = HostPath.Parse("/state", "state") }, new HarnessLedger(_host), ct);
        machine.Guest.BootTime = TimeSpan.Zero;
        return await new HarnessConnector(_host).ConnectAsync(machine.Endpoint, ct);
    }

    protected override void Print(ProcessRef process, GuestStream stream, string text) =>
        _host.Machine!.Guest.Process(process).WriteAsync(stream, Encoding.UTF8.GetBytes(text)).GetAwaiter().GetResult();

    protected override void Exit(ProcessRef process, int code) => Of(process).Ends.TrySetResult(code);

    protected override byte[] InputOf(ProcessRef process)
    {
        SpinWait.SpinUntil(
            () => _host.Machine!.Guest.Process(process).UnreadInput == 0 && !Of(process).IsCopying,
            TimeSpan.FromSeconds(10));
        return Of(process).Input.ToArray();
    }

    protected override Task InputEndedAsync(ProcessRef process) =>
        Of(process).InputEnded.Task.WaitAsync(TimeSpan.FromSeconds(10));

    protected override TerminalSize? SizeOf(ProcessRef process) => _host.Machine!.Guest.Process(process).Size;

    protected override void RunOutOfMemory(ContainerId container) => _host.Machine!.Guest.RunOutOfMemory(container);

    protected override Task VanishAsync()
    {
        _host.Machine!.Die(new VmmEnd(null, 9));
        return Task.CompletedTask;
    }

    private Script Of(ProcessRef process)
    {
        lock (_scripts)
            return _scripts.TryGetValue(process, out var script) ? script : _scripts[process] = new Script();
    }

    private sealed class Script
    {
        public TaskCompletionSource<int> Ends { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource InputEnded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public MemoryStream Input { get; } = new();

        public bool IsCopying { get; private set; }

        public async Task<int> RunAsync(GuestProcess process)
        {
            var copying = CopyAsync(process);
            var code = await Ends.Task.WaitAsync(process.Killed);
            _ = copying.ContinueWith(task => task.Exception, TaskScheduler.Default);
            return code;
        }

        private async Task CopyAsync(GuestProcess process)
        {
            var buffer = new byte[4096];
            while (await process.ReadAsync(buffer) is > 0 and var count)
            {
                IsCopying = true;
                Input.Write(buffer, 0, count);
                IsCopying = false;
            }

            InputEnded.TrySetResult();
        }
    }
}

/// <summary>The events of the harness.</summary>
public sealed class TaskEventsHarnessTests : TaskEventsContract
{
    private readonly HarnessEvents _events = new(new HarnessHost());

    protected override ITaskEvents Port => _events;

    protected override IReadOnlyList<string> Arrived => [.. _events.Facts.Select(fact => fact switch
    {
        ContainerStarted => "/tasks/start",
        ContainerPaused => "/tasks/paused",
        ContainerResumed => "/tasks/resumed",
        _ => fact.ToString()!,
    })];
}

/// <summary>The streams of the harness.</summary>
public sealed class ProcessStdioHarnessTests : ProcessStdioContract
{
    private readonly HarnessStdio _stdio = new(new HarnessHost()) { ClientsRead = false };

    protected override IProcessStdio Port => _stdio;

    protected override IClientStreams NewClient(bool terminal = false) =>
        new Streams(_stdio.ClientOf(Process), terminal);

    private sealed class Streams(Client client, bool terminal) : IClientStreams
    {
        public Stdio Paths { get; } = new("/in", "/out", terminal ? "" : "/err", terminal);

        public async Task WriteStdinAsync(string text) =>
            await client.Input.WriteAsync(Encoding.UTF8.GetBytes(text), CancellationToken.None);

        public void CloseStdin()
        {
            // Our own hold keeps the input open: only the port's CloseStdin ends it.
        }

        public async Task<string> ReadToEndAsync(GuestStream stream)
        {
            client.Reads = true;
            await client.EndOf(stream);
            return Encoding.UTF8.GetString(client.Bytes(stream));
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
