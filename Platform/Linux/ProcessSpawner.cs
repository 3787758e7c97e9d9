using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// Starts programs. All of them are children of one thread that lives as long as the process, because a
/// parent-death signal is sent when the thread that spawned ends.
/// </summary>
/// <remarks>
/// For the moment between fork and exec a child holds copies of all our descriptors. What closing one does, such as
/// releasing a lock or ending a pipe, can come that much later.
/// </remarks>
public static class ProcessSpawner
{
    /// <summary>argv[1] of our own binary for <see cref="SpawnVerb"/>.</summary>
    public const string Verb = "spawn";

    private static readonly ConcurrentDictionary<int, SpawnedProcess> Known = new();
    private static readonly BlockingCollection<Action> Jobs = StartThread();

    /// <summary>The program that has the <c>spawn</c> verb: ourselves.</summary>
    public static string LauncherPath { get; set; } = "/proc/self/exe";

    /// <summary>Held while a child exists that <see cref="TryGet"/> does not know yet.</summary>
    internal static Lock Spawning { get; } = new();

    /// <summary>
    /// Starts a program. With a placement it waits until the program really runs, a few milliseconds, and what
    /// kept it from running is thrown here; <see cref="LinuxException.Call"/> then names the step.
    /// </summary>
    public static async Task<SpawnedProcess> SpawnAsync(SpawnRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        cancellation.ThrowIfCancellationRequested();
        if (request.Placement is not { } placement)
            return await OnSpawnerThread(() => Start(request));

        using var status = Pipe.Create(nonBlockingReader: true);
        var launch = SpawnOrders.ToLaunch(request, placement, LauncherPath, status.Writer);
        var process = await OnSpawnerThread(() => Start(launch));
        status.Writer.Dispose();
        try
        {
            if (await SpawnOrders.ReadFailureAsync(status.Reader, cancellation) is { } failure)
                throw failure;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
        return process;
    }

    /// <summary>The same for callers that may block.</summary>
    public static SpawnedProcess Spawn(SpawnRequest request) => SpawnAsync(request).GetAwaiter().GetResult();

    /// <summary>Set when there is a child where there may have been none.</summary>
    internal static AutoResetEvent Spawned { get; } = new(false);

    internal static bool TryGet(int processId, out SpawnedProcess? process) =>
        Known.TryGetValue(processId, out process);

    internal static void Forget(SpawnedProcess process) =>
        Known.TryRemove(new KeyValuePair<int, SpawnedProcess>(process.ProcessId, process));

    /// <summary>Touching the class is enough: its thread starts with it.</summary>
    internal static void EnsureStarted() => _ = Jobs;

    private static SpawnedProcess Start(SpawnRequest request)
    {
        lock (Spawning)
        {
            var processId = PosixSpawn.Start(request);
            // Until someone waits for it, even an ended child keeps its pid.
            var process = new SpawnedProcess(PidFd.Open(processId), ProcFs.StartTime(processId) ?? 0);
            Known[processId] = process;
            Spawned.Set();
            // It may have ended, and been reaped by its own watch, before it was listed.
            if (process.Exited.IsCompleted)
                Forget(process);
            return process;
        }
    }

    private static Task<T> OnSpawnerThread<T>(Func<T> action)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Jobs.Add(() =>
        {
            try
            {
                result.SetResult(action());
            }
            catch (Exception failure)
            {
                result.SetException(failure);
            }
        });
        return result.Task;
    }

    private static BlockingCollection<Action> StartThread()
    {
        var jobs = new BlockingCollection<Action>();
        new Thread(() =>
        {
            // An inherited SIG_IGN would make the kernel discard the exit status of our children.
            if (Signals.IsIgnored(Signals.SIGCHLD))
                Signals.SetDefault(Signals.SIGCHLD);
            foreach (var job in jobs.GetConsumingEnumerable())
                job();
        })
        { IsBackground = true, Name = "spawner" }.UnsafeStart();
        return jobs;
    }
}
