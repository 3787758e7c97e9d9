using System.Runtime.InteropServices;
using System.Text;

namespace Kata.Platform.Linux;

/// <summary>
/// Namespaces. They belong to threads, so what works in one runs on a thread made for it that ends afterwards;
/// pool threads never change theirs. Such work must be synchronous: a task, timer or asynchronous call in it can start
/// a pool thread, which would then live on in that namespace.
/// </summary>
public static class Namespaces
{
    public const int CLONE_NEWNS = 0x20000;
    public const int CLONE_NEWCGROUP = 0x2000000;
    public const int CLONE_NEWUTS = 0x4000000;
    public const int CLONE_NEWIPC = 0x8000000;
    public const int CLONE_NEWPID = 0x20000000;
    public const int CLONE_NEWNET = 0x40000000;

    private const int CLONE_FS = 0x200;
    private const nuint NS_GET_NSTYPE = 0xb703;
    private const nuint SIOCGIFFLAGS = 0x8913;
    private const nuint SIOCSIFFLAGS = 0x8914;
    private const short IFF_UP = 1;
    private const int AF_INET = 2;
    private const int SOCK_DGRAM_CLOEXEC = 2 | 0x80000;

    /// <summary>
    /// Runs <paramref name="work"/> in the network namespace at <paramref name="path"/>, on a thread of its own.
    /// Sockets and taps made there work anywhere afterwards.
    /// </summary>
    public static Task<T> RunInNetworkNamespaceAsync<T>(string path, Func<T> work) => OnOwnThread(() =>
    {
        Enter(path, CLONE_NEWNET);
        return work();
    });

    /// <summary>The same for callers that may block.</summary>
    public static T RunInNetworkNamespace<T>(string path, Func<T> work) =>
        RunInNetworkNamespaceAsync(path, work).GetAwaiter().GetResult();

    public static void RunInNetworkNamespace(string path, Action work) => RunInNetworkNamespace(path, () =>
    {
        work();
        return true;
    });

    /// <summary>
    /// Makes a namespace and keeps it alive by a bind mount on <paramref name="path"/>, a file made if need be.
    /// A network namespace has its loopback up. <see cref="Remove"/> takes it back.
    /// </summary>
    /// <param name="kind">One of CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP.</param>
    /// <param name="hostname">For a UTS namespace: its host name, else a copy of ours.</param>
    public static Task CreateAsync(string path, int kind, string? hostname = null)
    {
        var name = KindName(kind);
        return OnOwnThread(() =>
        {
            using (DescriptorIo.Open(path, OpenFlags.O_RDONLY | OpenFlags.O_CREAT, 0x124)) { }
            LinuxException.Check(Libc.unshare(kind), "unshare", name);
            if (kind == CLONE_NEWNET)
                BringUpLoopback();
            if (kind == CLONE_NEWUTS && hostname is not null)
                Machine.SetHostname(hostname);
            Mounts.Mount($"/proc/self/task/{Libc.gettid()}/ns/{name}", path, null, MountFlags.MS_BIND);
            return true;
        });
    }

    /// <summary>
    /// A private network namespace with its loopback up, kept by a bind mount on <paramref name="path"/>.
    /// </summary>
    public static Task CreateNetworkNamespaceAsync(string path) => CreateAsync(path, CLONE_NEWNET);

    /// <summary>Takes away the mount and the file. What is gone already is fine.</summary>
    public static void Remove(string path)
    {
        Mounts.TryUnmount(path);
        File.Delete(path);
    }

    /// <summary>
    /// Which CLONE_NEW it is that a file of a namespace, such as <c>/proc/PID/ns/net</c>, stands for; 0 for other
    /// files.
    /// </summary>
    public static unsafe int KindOf(SafeHandle file)
    {
        // SAFETY: the request takes no argument.
        var kind = Libc.ioctl(file, NS_GET_NSTYPE, null);
        return kind > 0 ? kind : 0;
    }

    /// <summary>
    /// Moves the calling thread into the namespace at <paramref name="path"/>; see the remark above about threads.
    /// </summary>
    public static void Enter(string path, int kind)
    {
        using var file = DescriptorIo.Open(path, OpenFlags.O_RDONLY);
        LinuxException.Check(Libc.setns(file, kind), "setns", path);
    }

    /// <summary>Gives the calling thread namespaces of its own.</summary>
    public static void Unshare(int kinds) => LinuxException.Check(Libc.unshare(kinds), "unshare", $"0x{kinds:x}");

    /// <summary>
    /// Runs <paramref name="work"/> on a new thread with its own working directory and umask, as setns into a mount
    /// namespace and changes of directory need it.
    /// </summary>
    public static Task<T> RunWithOwnDirectoryAsync<T>(Func<T> work) => OnOwnThread(() =>
    {
        LinuxException.Check(Libc.unshare(CLONE_FS), "unshare", "CLONE_FS");
        return work();
    });

    /// <summary>
    /// Runs <paramref name="work"/> in the mount namespace at <paramref name="path"/>, on a thread of its own whose
    /// root is the namespace's: nothing of ours is found there by its path.
    /// </summary>
    public static Task<T> RunInMountNamespaceAsync<T>(string path, Func<T> work) => RunWithOwnDirectoryAsync(() =>
    {
        Enter(path, CLONE_NEWNS);
        return work();
    });

    /// <summary>Brings up <c>lo</c> in the calling thread's network namespace.</summary>
    public static unsafe void BringUpLoopback()
    {
        using var socket = DescriptorIo.Own(Libc.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), "socket", "AF_INET");
        // SAFETY: struct ifreq is 40 bytes: the name in 16, then the flags.
        var request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        Encoding.ASCII.GetBytes("lo", new Span<byte>(request, 16));
        LinuxException.Check(Libc.ioctl(socket, SIOCGIFFLAGS, request), "ioctl", "SIOCGIFFLAGS lo");
        *(short*)(request + 16) |= IFF_UP;
        LinuxException.Check(Libc.ioctl(socket, SIOCSIFFLAGS, request), "ioctl", "SIOCSIFFLAGS lo");
    }

    /// <summary>
    /// Runs <paramref name="work"/> on a thread that ends with it, so that whatever it does to the thread is gone.
    /// </summary>
    /// <remarks>
    /// A thread is born into the namespaces of the one that starts it, and completing a task may start a pool thread.
    /// So a second thread that entered nothing starts the first, waits for it and tells its result.
    /// </remarks>
    internal static Task<T> OnOwnThread<T>(Func<T> work)
    {
        // These threads live on; they must not be born from within the work.
        Poller.EnsureStarted();
        ProcessSpawner.EnsureStarted();
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Start(() =>
        {
            Exception? failure = null;
            T value = default!;
            Start(() =>
            {
                try
                {
                    value = work();
                }
                catch (Exception thrown)
                {
                    failure = thrown;
                }
            }).Join();
            if (failure is null)
                result.SetResult(value);
            else
                result.SetException(failure);
        });
        return result.Task;
    }

    private static Thread Start(ThreadStart body)
    {
        var thread = new Thread(body) { IsBackground = true, Name = "namespace" };
        thread.UnsafeStart();
        return thread;
    }

    private static string KindName(int kind) => kind switch
    {
        CLONE_NEWNET => "net",
        CLONE_NEWIPC => "ipc",
        CLONE_NEWUTS => "uts",
        CLONE_NEWCGROUP => "cgroup",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
