using System.Runtime.InteropServices;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Apps.Agent.Stdio;

/// <summary>The agent's side of a process's standard streams: three pipes, or one terminal.</summary>
internal sealed class ProcessPipes : IDisposable
{
    private readonly SafeHandle? _terminal;

    private ProcessPipes(InputStream input, OutputStream output, OutputStream? errors, SafeHandle? terminal)
    {
        Input = input;
        Output = output;
        Errors = errors;
        _terminal = terminal;
    }

    public InputStream Input { get; }

    public OutputStream Output { get; }

    /// <summary>Null with a terminal, which mixes both.</summary>
    public OutputStream? Errors { get; }

    /// <summary>Whether every output has been read to its end.</summary>
    public bool Drained => Output.Ended && Errors is not { Ended: false };

    public static ProcessPipes OverPipes(SafeFileHandle input, SafeFileHandle output, SafeFileHandle errors) =>
        new(new InputStream(input, closes: true), new OutputStream(output), new OutputStream(errors), null);

    /// <param name="master">The terminal's own side; it becomes non-blocking.</param>
    public static ProcessPipes OverTerminal(SafeFileHandle master)
    {
        DescriptorIo.SetNonBlocking(master);
        return new ProcessPipes(new InputStream(master, closes: false), new OutputStream(master), null, master);
    }

    public void Resize(uint rows, uint columns)
    {
        if (_terminal is null)
        {
            throw AgentRefusals.NoTerminal();
        }

        Terminal.SetSize(
            _terminal, (ushort)Math.Min(rows, ushort.MaxValue), (ushort)Math.Min(columns, ushort.MaxValue));
    }

    public void Dispose()
    {
        Input.Dispose();
        Output.Dispose();
        Errors?.Dispose();
    }
}
