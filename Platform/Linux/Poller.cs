using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace Kata.Platform.Linux;

/// <summary>
/// Waits for descriptors in one epoll thread of the process, so that nothing blocks on the pool.
/// A wait says "try again": the caller repeats its call and waits again on EAGAIN.
/// </summary>
/// <remarks>
/// A wait holds a reference to its handle, so the number cannot come to mean another file meanwhile.
/// A handle disposed of while someone waits ends the wait with <see cref="ObjectDisposedException"/>:
/// at once through <see cref="Close"/>, else at the next sweep.
/// </remarks>
public static class Poller
{
    /// <summary>
    /// How long a plain <c>Dispose</c> of a waited-for handle can stay unnoticed; only then do we wake up for nothing.
    /// </summary>
    private const int SweepMilliseconds = 500;

    private const uint EPOLLIN = 0x1;
    private const uint EPOLLPRI = 0x2;
    private const uint EPOLLOUT = 0x4;
    private const uint EPOLLERR = 0x8;
    private const uint EPOLLHUP = 0x10;
    private const int EPOLL_CTL_ADD = 1;
    private const int EPOLL_CTL_DEL = 2;
    private const int EPOLL_CTL_MOD = 3;
    private const int EPOLL_CLOEXEC = 0x80000;
    private const int CLOCK_MONOTONIC = 1;
    private const int Batch = 64;
    private const int KeptWaiters = 64;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<int, Entry> Entries = [];
    private static readonly Stack<Waiter> Spare = [];
    private static readonly int EpollDescriptor;
    private static readonly int SweepTimer;
    private static bool _sweepArmed;
    private static uint _generation;

    static unsafe Poller()
    {
        EpollDescriptor = LinuxException.Check(Libc.epoll_create1(EPOLL_CLOEXEC), "epoll_create1", "poller");
        SweepTimer = LinuxException.Check(
            Libc.timerfd_create(CLOCK_MONOTONIC, OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK), "timerfd_create",
            "poller");
        // SAFETY: the buffer holds one event, written by EpollEvent.Write.
        var buffer = stackalloc byte[EpollEvent.Size];
        EpollEvent.Write(buffer, EPOLLIN, SweepTimer, 0);
        LinuxException.Check(Libc.epoll_ctl(EpollDescriptor, EPOLL_CTL_ADD, SweepTimer, buffer), "epoll_ctl", "poller");
        new Thread(Run) { IsBackground = true, Name = "poller" }.UnsafeStart();
    }

    /// <summary>
    /// Completes when a read of <paramref name="handle"/> would not block, or has an error or the end to tell. A
    /// regular file is always readable.
    /// </summary>
    public static ValueTask WaitReadableAsync(SafeHandle handle, CancellationToken cancellation = default) =>
        Wait(handle, EPOLLIN, cancellation);

    /// <summary>Completes when a write to <paramref name="handle"/> would not block, or has an error to tell.</summary>
    public static ValueTask WaitWritableAsync(SafeHandle handle, CancellationToken cancellation = default) =>
        Wait(handle, EPOLLOUT, cancellation);

    /// <summary>Completes on exceptional data: an event of a cgroup v1 or PSI file, out-of-band bytes.</summary>
    public static ValueTask WaitPriorityAsync(SafeHandle handle, CancellationToken cancellation = default) =>
        Wait(handle, EPOLLPRI, cancellation);

    /// <summary>
    /// Disposes of <paramref name="handle"/> and ends every wait for it with <see cref="ObjectDisposedException"/>.
    /// </summary>
    public static void Close(SafeHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        handle.Dispose();
        EndWaits(handle);
    }

    /// <summary>Ends every wait for <paramref name="handle"/>, which is being disposed of.</summary>
    internal static void EndWaits(SafeHandle handle)
    {
        lock (Gate)
        {
            var descriptor = (int)handle.DangerousGetHandle();
            if (Entries.TryGetValue(descriptor, out var entry))
                Abandon(descriptor, entry, waiter => ReferenceEquals(waiter.Handle, handle));
        }
    }

    /// <summary>Touching the class is enough: its thread starts with it.</summary>
    internal static void EnsureStarted() => _ = EpollDescriptor;

    private static ValueTask Wait(SafeHandle handle, uint interest, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(handle);
        if (cancellation.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellation);

        var held = false;
        handle.DangerousAddRef(ref held);
        Waiter waiter;
        short token;
        lock (Gate)
        {
            var descriptor = (int)handle.DangerousGetHandle();
            if (!Entries.TryGetValue(descriptor, out var entry))
                entry = new Entry(++_generation);
            if (!Spare.TryPop(out waiter!))
                waiter = new Waiter();
            token = waiter.Prepare(handle, entry, interest);
            entry.Waiters.Add(waiter);

            var isNew = entry.Waiters.Count == 1;
            var errno = Control(isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, entry);
            if (errno != Errno.None)
            {
                entry.Waiters.Remove(waiter);
                if (entry.Waiters.Count > 0)
                    Control(EPOLL_CTL_MOD, descriptor, entry);
                handle.DangerousRelease();
                // EPERM is a file epoll knows nothing about, which by its nature never blocks.
                return errno == Errno.EPERM
                    ? ValueTask.CompletedTask
                    : throw new LinuxException(errno, "epoll_ctl", DescriptorIo.Describe(handle));
            }
            if (isNew)
                Entries.Add(descriptor, entry);
            if (handle is not PidFd)
                ArmSweep();
        }
        waiter.Watch(token, cancellation);
        return new ValueTask(waiter, token);
    }

    private static unsafe void Run()
    {
        // SAFETY: the buffer lives as long as the loop and holds Batch events.
        var events = stackalloc byte[EpollEvent.Size * Batch];
        while (true)
        {
            var count = Libc.epoll_wait(EpollDescriptor, events, Batch, -1);
            lock (Gate)
            {
                for (var i = 0; i < count; i++)
                {
                    EpollEvent.Read(
                        events + (i * EpollEvent.Size), out var mask, out var descriptor, out var generation);
                    if (generation == 0)
                        Sweep();
                    else if (Entries.TryGetValue(descriptor, out var entry) && entry.Generation == generation)
                        Fire(descriptor, entry, mask);
                }
            }
        }
    }

    private static void Fire(int descriptor, Entry entry, uint mask)
    {
        if ((mask & (EPOLLERR | EPOLLHUP)) != 0)
            mask |= EPOLLIN | EPOLLOUT | EPOLLPRI;
        for (var i = entry.Waiters.Count - 1; i >= 0; i--)
        {
            var waiter = entry.Waiters[i];
            if ((waiter.Interest & mask) == 0)
                continue;
            Remove(descriptor, entry, i);
            waiter.Complete(null);
        }
        if (entry.Waiters.Count > 0)
            Control(EPOLL_CTL_MOD, descriptor, entry);
    }

    private static void Cancel(Waiter waiter, short token, CancellationToken cancellation)
    {
        lock (Gate)
        {
            var entry = waiter.Entry;
            if (entry is null || waiter.Token != token)
                return;
            var descriptor = (int)waiter.Handle.DangerousGetHandle();
            Remove(descriptor, entry, entry.Waiters.IndexOf(waiter));
            if (entry.Waiters.Count > 0)
                Control(EPOLL_CTL_MOD, descriptor, entry);
            waiter.Complete(new OperationCanceledException(cancellation));
        }
    }

    /// <summary>
    /// Takes a waiter out; the last one takes the descriptor out of epoll, before its reference goes.
    /// </summary>
    private static void Remove(int descriptor, Entry entry, int index)
    {
        var waiter = entry.Waiters[index];
        entry.Waiters.RemoveAt(index);
        waiter.Entry = null;
        if (entry.Waiters.Count == 0)
        {
            Entries.Remove(descriptor);
            Control(EPOLL_CTL_DEL, descriptor, entry);
        }
        waiter.Handle.DangerousRelease();
    }

    private static void Abandon(int descriptor, Entry entry, Predicate<Waiter> isClosed)
    {
        for (var i = entry.Waiters.Count - 1; i >= 0; i--)
        {
            var waiter = entry.Waiters[i];
            if (!isClosed(waiter))
                continue;
            Remove(descriptor, entry, i);
            waiter.Complete(new ObjectDisposedException(waiter.Handle.GetType().Name));
        }
        if (entry.Waiters.Count > 0)
            Control(EPOLL_CTL_MOD, descriptor, entry);
    }

    private static unsafe void Sweep()
    {
        ulong expirations;
        // SAFETY: a timerfd yields eight bytes.
        using (var timer = new Microsoft.Win32.SafeHandles.SafeFileHandle(SweepTimer, ownsHandle: false))
            _ = Libc.read(timer, (byte*)&expirations, 8);
        _sweepArmed = false;
        var watched = false;
        foreach (var (descriptor, entry) in Entries.ToArray())
        {
            if (entry.Waiters.Exists(static waiter => waiter.Handle is not PidFd))
                watched |= Probe(descriptor, entry);
        }
        if (watched)
            ArmSweep();
    }

    /// <summary>
    /// A handle disposed of while referenced says so only once the last reference is gone, so ours are let go for a
    /// moment; out of epoll first, since a closed descriptor cannot be taken out and a copy elsewhere keeps it in.
    /// </summary>
    /// <returns>Whether anybody still waits.</returns>
    private static bool Probe(int descriptor, Entry entry)
    {
        Control(EPOLL_CTL_DEL, descriptor, entry);
        foreach (var waiter in entry.Waiters)
            waiter.Handle.DangerousRelease();
        for (var i = entry.Waiters.Count - 1; i >= 0; i--)
        {
            var waiter = entry.Waiters[i];
            try
            {
                var held = false;
                waiter.Handle.DangerousAddRef(ref held);
            }
            catch (ObjectDisposedException closed)
            {
                entry.Waiters.RemoveAt(i);
                waiter.Entry = null;
                waiter.Complete(closed);
            }
        }
        if (entry.Waiters.Count > 0)
        {
            Control(EPOLL_CTL_ADD, descriptor, entry);
            return true;
        }
        Entries.Remove(descriptor);
        return false;
    }

    private static unsafe void ArmSweep()
    {
        if (_sweepArmed)
            return;
        _sweepArmed = true;
        // SAFETY: struct itimerspec is four 64-bit words: interval, then first expiry.
        var time = stackalloc long[4] { 0, 0, 0, SweepMilliseconds * 1_000_000L };
        Libc.timerfd_settime(SweepTimer, 0, time, null);
    }

    private static unsafe Errno Control(int operation, int descriptor, Entry entry)
    {
        uint interest = 0;
        foreach (var waiter in entry.Waiters)
            interest |= waiter.Interest;
        // SAFETY: the buffer holds one event, written by EpollEvent.Write.
        var buffer = stackalloc byte[EpollEvent.Size];
        EpollEvent.Write(buffer, interest, descriptor, entry.Generation);
        return Libc.epoll_ctl(EpollDescriptor, operation, descriptor, buffer) < 0
            ? LinuxException.LastErrno
            : Errno.None;
    }

    private sealed class Entry(uint generation)
    {
        public uint Generation { get; } = generation;

        public List<Waiter> Waiters { get; } = new(2);
    }

    /// <summary>One wait, used again once its result has been taken.</summary>
    private sealed class Waiter : IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
        private CancellationTokenRegistration _registration;

        public SafeHandle Handle { get; private set; } = null!;

        /// <summary>Where it waits; null once it is over.</summary>
        public Entry? Entry { get; set; }

        public uint Interest { get; private set; }

        public short Token => _core.Version;

        public short Prepare(SafeHandle handle, Entry entry, uint interest)
        {
            Handle = handle;
            Entry = entry;
            Interest = interest;
            return _core.Version;
        }

        public void Watch(short token, CancellationToken cancellation)
        {
            if (!cancellation.CanBeCanceled)
                return;
            // The wait may be over already, but nobody has its token yet, so the waiter cannot be in other hands.
            _registration = cancellation.UnsafeRegister(
                (state, by) => Cancel((Waiter)state!, token, by), this);
        }

        public void Complete(Exception? failure)
        {
            if (failure is null)
                _core.SetResult(true);
            else
                _core.SetException(failure);
        }

        public void GetResult(short token)
        {
            // Waits for a cancellation callback under way, so that it cannot meet the next use of this object.
            _registration.Dispose();
            _registration = default;
            try
            {
                _core.GetResult(token);
            }
            finally
            {
                lock (Gate)
                {
                    Handle = null!;
                    _core.Reset();
                    if (Spare.Count < KeptWaiters)
                        Spare.Push(this);
                }
            }
        }

        public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

        public void OnCompleted(
            Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }
}
