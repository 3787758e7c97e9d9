using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace Kata.Platform.Linux;

/// <summary>The C library's calls, as close to their manual pages as C# allows. Nothing but declarations.</summary>
internal static unsafe partial class Libc
{
    private const string Name = "libc";

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int accept4(SafeHandle sockfd, byte* addr, uint* addrlen, int flags);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int bind(SafeHandle sockfd, byte* addr, uint addrlen);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chdir(string path);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chmod(string pathname, uint mode);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chroot(string path);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int clock_settime(int clockid, long* tp);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int close(int fd);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int connect(SafeHandle sockfd, byte* addr, uint addrlen);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int epoll_create1(int flags);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int epoll_ctl(int epfd, int op, int fd, byte* epollEvent);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int epoll_wait(int epfd, byte* events, int maxevents, int timeout);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int execv(byte* path, byte** argv);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fchmod(SafeHandle fd, uint mode);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int fchownat(int dirfd, string pathname, uint owner, uint group, int flags);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int fcntl(SafeHandle fd, int cmd, nint arg);

    [LibraryImport(Name, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int fcntl_fd(int fd, int cmd, nint arg);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int flock(SafeHandle fd, int operation);

    [LibraryImport(Name)]
    internal static partial int getppid();

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int getsockopt(SafeHandle sockfd, int level, int optname, byte* optval, uint* optlen);

    [LibraryImport(Name)]
    internal static partial int gettid();

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int inotify_add_watch(SafeHandle fd, string pathname, uint mask);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int inotify_init1(int flags);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int ioctl(SafeHandle fd, nuint request, void* arg);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int kill(int pid, int sig);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int listen(SafeHandle sockfd, int backlog);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int madvise(void* addr, nuint length, int advice);

    [LibraryImport(Name)]
    internal static partial int malloc_trim(nuint pad);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int memfd_create(string name, uint flags);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mkdirat(SafeHandle dirfd, string pathname, uint mode);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mkfifo(string pathname, uint mode);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mknod(string pathname, uint mode, ulong dev);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mknodat(SafeHandle dirfd, string pathname, uint mode, ulong dev);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mount(
        string? source, string target, string? filesystemtype, nuint mountflags, string? data);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int open(string pathname, int flags, uint mode);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int pipe2(int* pipefd, int flags);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int posix_spawn(
        int* pid, string path, byte* fileActions, byte* attrp, byte** argv, byte** envp);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int posix_spawn_file_actions_addchdir_np(byte* fileActions, string path);

    [LibraryImport(Name)]
    internal static partial int posix_spawn_file_actions_addclose(byte* fileActions, int fildes);

    [LibraryImport(Name)]
    internal static partial int posix_spawn_file_actions_addclosefrom_np(byte* fileActions, int from);

    [LibraryImport(Name)]
    internal static partial int posix_spawn_file_actions_adddup2(byte* fileActions, int fildes, int newfildes);

    [LibraryImport(Name, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int posix_spawn_file_actions_addopen(
        byte* fileActions, int fildes, string path, int oflag, uint mode);

    [LibraryImport(Name)]
    internal static partial int posix_spawn_file_actions_destroy(byte* fileActions);

    [LibraryImport(Name)]
    internal static partial int posix_spawn_file_actions_init(byte* fileActions);

    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_destroy(byte* attr);

    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_init(byte* attr);

    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_setflags(byte* attr, short flags);

    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_setpgroup(byte* attr, int pgroup);

    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_setsigdefault(byte* attr, byte* sigdefault);

    [LibraryImport(Name)]
    internal static partial int posix_spawnattr_setsigmask(byte* attr, byte* sigmask);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int prctl(int option, nuint arg2, nuint arg3, nuint arg4, nuint arg5);

    [LibraryImport(Name)]
    internal static partial int pthread_sigmask(int how, byte* set, byte* oldset);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint read(SafeHandle fd, byte* buf, nuint count);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint readlinkat(SafeHandle dirfd, byte* pathname, byte* buf, nuint bufsiz);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int reboot(int op);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint recvmsg(SafeHandle sockfd, Msghdr* msg, int flags);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint sendmsg(SafeHandle sockfd, Msghdr* msg, int flags);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int rename(string oldpath, string newpath);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setgroups(nuint size, uint* list);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int sethostname(byte* name, nuint len);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setns(SafeHandle fd, int nstype);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setresgid(uint rgid, uint egid, uint sgid);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setresuid(uint ruid, uint euid, uint suid);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int getrlimit(int resource, ulong* rlim);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setrlimit(int resource, ulong* rlim);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int setsockopt(SafeHandle sockfd, int level, int optname, byte* optval, uint optlen);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int sigaction(int signum, byte* act, byte* oldact);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int socket(int domain, int type, int protocol);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statfs(string path, byte* buf);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statx(int dirfd, string pathname, int flags, uint mask, byte* statxbuf);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int swapon(string path, int swapflags);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int symlinkat(string target, SafeHandle newdirfd, string linkpath);

    [LibraryImport(Name)]
    internal static partial void sync();

    /// <summary>
    /// For calls the C library of the oldest target has no wrapper for. On both targets variadic integers travel in the
    /// same registers as named ones.
    /// </summary>
    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint syscall(nint number, nint a, nint b, nint c, nint d, nint e);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int sysinfo(byte* info);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int timerfd_create(int clockid, int flags);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int timerfd_settime(int fd, int flags, long* newValue, long* oldValue);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int umount2(string target, int flags);

    [LibraryImport(Name, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int unlinkat(SafeHandle dirfd, string pathname, int flags);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int unshare(int flags);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial int waitid(int idtype, int id, byte* infop, int options);

    [LibraryImport(Name, SetLastError = true)]
    internal static partial nint write(SafeHandle fd, byte* buf, nuint count);

    [LibraryImport(Name, EntryPoint = "write", SetLastError = true)]
    internal static partial nint write_fd(int fd, byte* buf, nuint count);

    [StructLayout(LayoutKind.Sequential)]
    internal struct Iovec
    {
        public byte* iov_base;
        public nuint iov_len;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Msghdr
    {
        public byte* msg_name;
        public uint msg_namelen;
        public Iovec* msg_iov;
        public nuint msg_iovlen;
        public byte* msg_control;
        public nuint msg_controllen;
        public int msg_flags;
    }
}
