using Kata.Apps.Agent.Sandboxes;
using Kata.Apps.Agent.Serving;
using Kata.Apps.Agent.Upkeep;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Boot;

/// <summary>The agent as the guest's first process: from the kernel's handing over to the power switch.</summary>
internal static class GuestInit
{
    /// <summary>
    /// A process takes four, and ten more while it starts; the kernel gives its first process 1,024 in all.
    /// </summary>
    private const ulong MaxOpenFiles = 1 << 17;

    private const string DefaultHostname = "localhost";

    /// <summary>What a session needs to be answered by, when the machine is about to go.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(2);

    /// <summary>Never returns: PID 1 that ends is a kernel panic.</summary>
    public static int Run()
    {
        AgentLog? log = null;
        AppDomain.CurrentDomain.UnhandledException += (_, e) => Fail(log, e.ExceptionObject);
        try
        {
            GuestMounts.MountEarly();
            log = OpenLog();
            // Parts a machine that stopped before us from one that stopped with us.
            log.Info("takes over from the kernel");
            RunAsync(log).GetAwaiter().GetResult();
            Machine.Reboot();
        }
        catch (Exception e)
        {
            Fail(log, e);
        }

        return 1;
    }

    private static async Task RunAsync(AgentLog log)
    {
        // Woken readers and late answers must not queue behind each other, however few processors are online.
        ThreadPool.SetMinThreads(4, 1);
        OpenFiles.Raise(MaxOpenFiles);
        var options = KernelCommandLine.Parse(File.ReadAllText("/proc/cmdline"));
        log.Level = options.LogLevel;
        foreach (var complaint in options.Complaints)
        {
            log.Warning(complaint);
        }

        var modules = ModuleLoader.FromImage(log);
        modules.LoadEarly();
        Namespaces.BringUpLoopback();
        Machine.SetHostname(File.Exists("/etc/hostname") ? File.ReadAllText("/etc/hostname").Trim() : DefaultHostname);

        var composition = new AgentComposition(AgentPaths.Guest, modules, options, log);
        var server = composition.Server;
        new Thread(server.ServeSerial, 256 * 1024) { IsBackground = true, Name = "serial port" }.Start();
        var vsock = options.UnixSocket is { } path
            ? server.ServeUnixAsync(path, CancellationToken.None)
            : server.ServeVsockAsync(options.ServerPort);

        if (options.DebugConsole)
        {
            _ = Watch(
                options.DebugConsolePort > 0
                    ? DebugConsole.ServeVsockAsync(options.DebugConsolePort, log)
                    : DebugConsole.ServeConsoleAsync(log),
                "debug console",
                log);
        }

        // What no answer waits for.
        GuestMounts.PrepareCgroups(AgentPaths.Guest.CgroupRoot);
        composition.Prepare();
        GuestMemory.BringOnlineAsItComes();
        GuestMemory.ReclaimWithoutGenerations();

        // A channel that the kernel lacks completes at once; one that breaks takes the machine with it.
        await await Task.WhenAny(composition.Sandbox.Destroyed, UnlessItBreaks(vsock));
        await server.StopAsync(StopLimit);
        log.Info("powering off");
    }

    /// <summary>Completes only by failing.</summary>
    private static async Task UnlessItBreaks(Task task)
    {
        await task;
        await Task.Delay(Timeout.Infinite);
    }

    /// <summary>Tells of the end of something that the guest can live without.</summary>
    private static async Task Watch(Task task, string name, AgentLog log)
    {
        try
        {
            await task;
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            log.Warning($"{name}: {e.Message}");
        }
    }

    private static AgentLog OpenLog()
    {
        try
        {
            return new AgentLog(
                DescriptorIo.Open("/dev/console", OpenFlags.O_WRONLY | OpenFlags.O_NOCTTY | OpenFlags.O_NONBLOCK));
        }
        catch (LinuxException)
        {
            // A machine without a console.
            return new AgentLog(DescriptorIo.Open("/dev/null", OpenFlags.O_WRONLY));
        }
    }

    private static void Fail(AgentLog? log, object failure)
    {
        try
        {
            (log ?? OpenLog()).Error($"fatal: {failure}");
            Machine.Reboot();
        }
        catch (LinuxException)
        {
            // Not even that is possible: the kernel's panic is what remains.
        }
    }
}
