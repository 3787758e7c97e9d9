using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Kata.Tests.TestHost;

/// <summary>
/// A real host to test on: a machine in QEMU's TCG with the running machine's own root, read-only, under an overlay in
/// memory. It has a working <c>/dev/kvm</c> of its own (TCG emulates AMD's extension), vhost-vsock, vhost-net, every
/// kernel module and cgroup v2 alone, whatever the machine outside has; and its power can be cut.
/// </summary>
/// <remarks>
/// It runs in a newer QEMU than the host's own may be: 7.2's emulation sets wrong flags for <c>cmpxchg16b</c>, and now
/// and then a processor does not come back from a nested machine.
/// </remarks>
public sealed class TestHostMachine : IAsyncDisposable
{
    private const string Libraries = "x86_64-linux-gnu";

    private static readonly TimeSpan DefaultLimit = TimeSpan.FromMinutes(3);

    // Where build.sh unpacks QEMU, its libraries, the loader that they need and its firmware.
    private static readonly string Programs = Path.Combine(
        Repository.Artifacts, "peers", "testhost-qemu", "root", "usr");

    private static int _starts;

    private readonly RunningCommand _qemu;
    private readonly Socket _port;
    private readonly StreamWriter _lines;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly ConcurrentDictionary<int, TaskCompletionSource<(int Code, byte[] Output)>> _running = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _reader;
    private int _ids;

    private TestHostMachine(RunningCommand qemu, Socket port, string console)
    {
        _qemu = qemu;
        _port = port;
        ConsoleFile = console;
        var stream = new NetworkStream(port);
        _lines = new StreamWriter(stream) { AutoFlush = true, NewLine = "\n" };
        _reader = ReadAsync(new StreamReader(stream));
    }

    /// <summary>Everything the machine's kernel has said.</summary>
    public string ConsoleFile { get; }

    /// <summary>
    /// The machine's own kernel has panicked: nothing can be asked of it any more.
    /// </summary>
    public bool KernelPanicked =>
        File.Exists(ConsoleFile) && File.ReadAllText(ConsoleFile).Contains("Kernel panic", StringComparison.Ordinal);

    /// <summary>
    /// True if a failure is the emulation's by <see cref="EmulationRule"/>, and may once more be: what failed then
    /// begins anew on a fresh machine.
    /// </summary>
    public async Task<bool> IsExcusedAsync(Exception failure, string what)
    {
        var answers = await AnswersAsync();
        var console = File.Exists(ConsoleFile) ? await File.ReadAllTextAsync(ConsoleFile) : "";
        return EmulationRule.Judge(new EmulationEvidence(failure.Message, console, answers)) is { } fault
            && EmulationExcuses.OfThisRun.Take(fault, $"{what} ({ConsoleFile}): {failure.Message}");
    }

    /// <summary>Boots a machine and waits until it takes command lines.</summary>
    public static async Task<TestHostMachine> StartAsync(TestHostOptions options)
    {
        (await Command.RunAsync(Path.Combine(Repository.Root, "Tests", "TestHost", "build.sh"), [],
            limit: TimeSpan.FromMinutes(5))).Exited(0);
        Directory.CreateDirectory(options.Directory);
        var name = $"host-{Interlocked.Increment(ref _starts).ToString(CultureInfo.InvariantCulture)}";
        var console = Path.Combine(options.Directory, $"{name}.console");
        // A path for a socket may have 107 bytes only.
        var socketDirectory = Directory.CreateTempSubdirectory("kata-host-").FullName;
        var socket = Path.Combine(socketDirectory, "port");

        var qemu = RunningCommand.Start(
            Path.Combine(Programs, "lib", Libraries, "ld-linux-x86-64.so.2"), Arguments(options, console, socket));
        try
        {
            var port = await ConnectAsync(socket, qemu, options.StartLimit);
            var machine = new TestHostMachine(qemu, port, console);
            await Task.WhenAny(machine._ready.Task, machine._reader).WaitAsync(options.StartLimit);
            if (!machine._ready.Task.IsCompleted)
                throw new InvalidOperationException("The test host ended before it was up");
            return machine;
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            await qemu.DisposeAsync();
            var said = File.Exists(console) ? await File.ReadAllTextAsync(console) : "";
            throw new InvalidOperationException(
                $"{e.Message}; QEMU: {qemu.Stderr}; console: {said[Math.Max(0, said.Length - 3000)..]}", e);
        }
        finally
        {
            Directory.Delete(socketDirectory, recursive: true);
        }
    }

    /// <summary>Makes an empty ext4 file for <see cref="TestHostOptions.Disk"/>.</summary>
    public static async Task CreateDiskAsync(string path, int sizeMib)
    {
        await using (var file = File.Create(path))
            file.SetLength((long)sizeMib << 20);
        (await Command.RunAsync("mkfs.ext4", ["-q", "-F", path])).Exited(0);
    }

    /// <summary>
    /// Runs a command line in a shell inside, both output streams together. Several may run at once. A power cut or the
    /// machine's end fails the call.
    /// </summary>
    public async Task<CommandResult> RunAsync(string commandLine, TimeSpan? limit = null)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var id = Interlocked.Increment(ref _ids);
        var done = new TaskCompletionSource<(int Code, byte[] Output)>(
            TaskCreationOptions.RunContinuationsAsynchronously);
        _running[id] = done;
        await _writing.WaitAsync();
        try
        {
            await _lines.WriteLineAsync(
                $"{id.ToString(CultureInfo.InvariantCulture)} {Convert.ToBase64String(Encoding.UTF8.GetBytes(commandLine))}");
        }
        finally
        {
            _writing.Release();
        }

        try
        {
            if (_reader.IsCompleted)
                throw new InvalidOperationException("The test host is off");
            var (code, output) = await done.Task.WaitAsync(limit ?? DefaultLimit);
            return new CommandResult(commandLine, code, output, "", clock.Elapsed);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException(
                $"`{commandLine}` did not end in the test host within {(limit ?? DefaultLimit).TotalSeconds:0} s; console: {ConsoleFile}");
        }
    }

    /// <summary>Whether its shell still answers.</summary>
    public async Task<bool> AnswersAsync()
    {
        if (KernelPanicked)
            return false;
        try
        {
            await RunAsync("true", TimeSpan.FromSeconds(30));
            return true;
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>
    /// The machine is gone from one instruction to the next; what its disk had not been told to keep is lost.
    /// </summary>
    public async Task PowerCutAsync()
    {
        _qemu.Kill();
        await _qemu.ExitAsync(TimeSpan.FromSeconds(20));
        await _reader;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_qemu.HasExited)
            await PowerCutAsync();
        await _qemu.DisposeAsync();
        _port.Dispose();
        _writing.Dispose();
    }

    private static List<string> Arguments(TestHostOptions options, string console, string socket)
    {
        var assets = Path.Combine(Repository.Artifacts, "testhost");
        var modules = new DirectoryInfo(Path.Combine(assets, "modules")).LinkTarget;
        var libraries = Path.Combine(Programs, "lib", Libraries);
        List<string> arguments =
        [
            "--library-path", $"{libraries}:{libraries}/pulseaudio",
            Path.Combine(Programs, "bin", "qemu-system-x86_64"),
            "-L", Path.Combine(Programs, "share", "qemu"), "-L", Path.Combine(Programs, "share", "seabios"),
            "-L", Path.Combine(Programs, "lib", "ipxe", "qemu"),
            "-M", "q35,accel=tcg",
            // Five-level paging and protection keys are what this emulation of nested paging is least tried with.
            "-cpu", "max,+svm,+npt,la57=off,pku=off",
            "-smp", options.Cpus.ToString(CultureInfo.InvariantCulture),
            "-m", $"{options.MemoryMib.ToString(CultureInfo.InvariantCulture)}M",
            "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
            "-kernel", Path.Combine(assets, "vmlinuz"), "-initrd", Path.Combine(assets, "initrd.img"),
            // norandmaps: a program that is at the same addresses each time is not translated anew each time.
            "-append",
            $"console=ttyS0 loglevel=4 reboot=t panic=-1 tsc=reliable cryptomgr.notests=1 norandmaps repository={Repository.Root} modules={modules}",
            "-serial", $"file:{console}",
            "-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap",
            "-device", "virtio-serial-pci",
            "-chardev", $"socket,id=port,path={socket},server=on,wait=off",
            "-device", "virtserialport,chardev=port,name=testhost.0",
        ];
        if (options.Disk is not null)
            arguments.AddRange(["-drive", $"file={options.Disk},format=raw,if=virtio,cache=writeback"]);
        return arguments;
    }

    private static async Task<Socket> ConnectAsync(string path, RunningCommand qemu, TimeSpan limit)
    {
        using var deadline = new CancellationTokenSource(limit);
        while (true)
        {
            if (qemu.HasExited)
                throw new InvalidOperationException("QEMU exited");
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), deadline.Token);
                return socket;
            }
            catch (SocketException) when (!deadline.IsCancellationRequested)
            {
                // QEMU has not made it yet.
                socket.Dispose();
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }
        }
    }

    private async Task ReadAsync(StreamReader lines)
    {
        try
        {
            while (await lines.ReadLineAsync() is { } line)
            {
                if (line == "ready")
                {
                    _ready.TrySetResult();
                    continue;
                }

                var words = line.Split(' ');
                if (words.Length == 3 && int.TryParse(words[0], CultureInfo.InvariantCulture, out var id)
                    && _running.TryRemove(id, out var done))
                    done.TrySetResult(
                        (int.Parse(words[1], CultureInfo.InvariantCulture), Convert.FromBase64String(words[2])));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The power is off: said below.
        }

        foreach (var done in _running.Values)
            done.TrySetException(new InvalidOperationException("The test host went off"));
    }
}
