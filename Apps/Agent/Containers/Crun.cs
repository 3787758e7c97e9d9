using System.Globalization;
using System.Runtime.InteropServices;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Containers;

/// <summary>
/// Runs crun for what only it does: create, start, exec and delete. Everything else the agent does by pidfd and cgroup
/// files, because each run of crun costs more than what it then does.
/// </summary>
internal sealed class Crun
{
    public const string InstalledPath = "/usr/bin/crun";

    private const int MaximumComplaint = 4096;

    private readonly Func<string> _program;
    private readonly string _state;
    private readonly string _logs;
    private int _runs;

    /// <param name="program">The path to execute; asked at the first use, because copying crun takes a moment.</param>
    /// <param name="directory">Where crun keeps its state and its complaints.</param>
    public Crun(Func<string> program, string directory)
    {
        _program = program;
        _state = Path.Combine(directory, "state");
        _logs = Path.Combine(directory, "log");
    }

    public Task CreateAsync(
        string id, string bundle, string pidFile, string? consoleSocket, StandardStreams streams,
        CancellationToken cancellation) =>
        RunAsync(
            ["create", "--bundle", bundle, "--pid-file", pidFile, "--no-new-keyring", .. Console(consoleSocket), id],
            streams,
            cancellation);

    public Task StartAsync(string id, CancellationToken cancellation) =>
        RunAsync(["start", id], StandardStreams.None, cancellation);

    public Task ExecAsync(
        string id, string processFile, string pidFile, string? consoleSocket, StandardStreams streams,
        CancellationToken cancellation) =>
        RunAsync(
            ["exec", "--detach", "--process", processFile, "--pid-file", pidFile, .. Console(consoleSocket), id],
            streams,
            cancellation);

    /// <summary>Kills what still runs and removes the container's state and cgroup.</summary>
    public Task DeleteAsync(string id, CancellationToken cancellation) =>
        RunAsync(["delete", "--force", id], StandardStreams.None, cancellation);

    private static string[] Console(string? socket) => socket is null ? [] : ["--console-socket", socket];

    private async Task RunAsync(
        IReadOnlyList<string> arguments, StandardStreams streams, CancellationToken cancellation)
    {
        Directory.CreateDirectory(_state);
        Directory.CreateDirectory(_logs);
        var log = Path.Combine(_logs, Interlocked.Increment(ref _runs).ToString(CultureInfo.InvariantCulture));
        try
        {
            var request = new SpawnRequest
            {
                Path = _program(),
                Arguments = ["crun", "--root", _state, "--cgroup-manager=cgroupfs", "--log", log, .. arguments],
                Environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                StandardInput = streams.Input,
                StandardOutput = streams.Output,
                StandardError = streams.Errors,
                Group = SpawnGroup.Session,
            };
            await using var process = await ProcessSpawner.SpawnAsync(request, cancellation);
            var exit = await process.Exited.WaitAsync(cancellation);
            if (!exit.IsSuccess)
            {
                throw AgentRefusals.Internal(
                    $"crun {arguments[0]}: {ReadComplaint(log) ?? $"ended with {exit.Status}"}");
            }
        }
        finally
        {
            File.Delete(log);
        }
    }

    /// <summary>The last thing that crun wrote: earlier lines are warnings.</summary>
    private static string? ReadComplaint(string log)
    {
        if (!File.Exists(log))
        {
            return null;
        }

        var text = File.ReadAllText(log).TrimEnd();
        var line = text[(text.LastIndexOf('\n') + 1)..].Trim();
        return line.Length switch
        {
            0 => null,
            > MaximumComplaint => line[..MaximumComplaint],
            _ => line,
        };
    }
}

/// <summary>What a container's process gets as its first three descriptors; null is <c>/dev/null</c>.</summary>
internal sealed record StandardStreams(SafeHandle? Input, SafeHandle? Output, SafeHandle? Errors)
{
    public static readonly StandardStreams None = new(null, null, null);
}
