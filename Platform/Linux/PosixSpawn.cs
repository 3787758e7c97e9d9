using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary><c>posix_spawn(3)</c> with exactly the descriptors asked for.</summary>
internal static unsafe class PosixSpawn
{
    private const short POSIX_SPAWN_SETPGROUP = 0x02;
    private const short POSIX_SPAWN_SETSIGDEF = 0x04;
    private const short POSIX_SPAWN_SETSIGMASK = 0x08;
    private const short POSIX_SPAWN_SETSID = 0x80;

    /// <summary>Larger than glibc's 80 and 336 bytes.</summary>
    private const int SizeOfOpaque = 512;

    private const int SizeOfSigset = 128;

    internal static int Start(SpawnRequest request)
    {
        var highest = 2;
        foreach (var inherited in request.Descriptors)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(inherited.ChildDescriptor, 3);
            highest = Math.Max(highest, inherited.ChildDescriptor);
        }

        // Copies above all targets, so that no dup2 overwrites the source of a later one.
        var copies = new List<SafeFileHandle>();
        var actions = Allocate();
        var attributes = Allocate();
        byte** argv = null, envp = null;
        try
        {
            // SAFETY: both objects are larger than glibc's and zeroed; init comes before use, destroy after it.
            Check(Libc.posix_spawn_file_actions_init(actions), "posix_spawn_file_actions_init", request);
            Check(Libc.posix_spawnattr_init(attributes), "posix_spawnattr_init", request);
            Redirect(actions, request, highest, copies);
            SetAttributes(attributes, request);

            argv = NativeStrings.Allocate(request.Arguments);
            envp = NativeStrings.Allocate(request.Environment);
            int processId;
            // SAFETY: all pointers stay valid until posix_spawn returns, which is after the child's exec.
            Check(Libc.posix_spawn(&processId, request.Path, actions, attributes, argv, envp), "posix_spawn", request);
            return processId;
        }
        finally
        {
            _ = Libc.posix_spawnattr_destroy(attributes);
            _ = Libc.posix_spawn_file_actions_destroy(actions);
            NativeMemory.Free(attributes);
            NativeMemory.Free(actions);
            NativeStrings.Free(argv);
            NativeStrings.Free(envp);
            foreach (var copy in copies)
                copy.Dispose();
        }
    }

    private static void Redirect(byte* actions, SpawnRequest request, int highest, List<SafeFileHandle> copies)
    {
        var taken = new HashSet<int>();
        Place(request.StandardInput, 0, OpenFlags.O_RDONLY);
        Place(request.StandardOutput, 1, OpenFlags.O_WRONLY);
        Place(request.StandardError, 2, OpenFlags.O_WRONLY);
        foreach (var inherited in request.Descriptors)
        {
            if (!taken.Add(inherited.ChildDescriptor))
                throw new ArgumentException($"descriptor {inherited.ChildDescriptor} is given twice", nameof(request));
            Place(inherited.Handle, inherited.ChildDescriptor, 0);
        }
        for (var gap = 3; gap < highest; gap++)
        {
            if (!taken.Contains(gap))
                Check(
                    Libc.posix_spawn_file_actions_addclose(actions, gap), "posix_spawn_file_actions_addclose", request);
        }
        Check(
            Libc.posix_spawn_file_actions_addclosefrom_np(actions, highest + 1),
            "posix_spawn_file_actions_addclosefrom_np", request);
        Check(
            Libc.posix_spawn_file_actions_addchdir_np(actions, request.WorkingDirectory),
            "posix_spawn_file_actions_addchdir_np", request);

        void Place(SafeHandle? source, int target, int flags)
        {
            if (source is null)
            {
                Check(
                    Libc.posix_spawn_file_actions_addopen(actions, target, "/dev/null", flags, 0),
                    "posix_spawn_file_actions_addopen", request);
                return;
            }
            var copy = DescriptorIo.DuplicateAbove(source, highest + 1);
            copies.Add(copy);
            Check(
                Libc.posix_spawn_file_actions_adddup2(actions, (int)copy.DangerousGetHandle(), target),
                "posix_spawn_file_actions_adddup2", request);
        }
    }

    private static void SetAttributes(byte* attributes, SpawnRequest request)
    {
        var flags = (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        if (request.Group == SpawnGroup.Own)
            flags |= POSIX_SPAWN_SETPGROUP;
        else if (request.Group == SpawnGroup.Session)
            flags |= POSIX_SPAWN_SETSID;
        Check(Libc.posix_spawnattr_setflags(attributes, flags), "posix_spawnattr_setflags", request);
        Check(Libc.posix_spawnattr_setpgroup(attributes, 0), "posix_spawnattr_setpgroup", request);

        // SAFETY: sigset_t is 128 bytes; both sets are copied by the calls.
        var set = stackalloc byte[SizeOfSigset];
        new Span<byte>(set, SizeOfSigset).Clear();
        Check(Libc.posix_spawnattr_setsigmask(attributes, set), "posix_spawnattr_setsigmask", request);
        new Span<byte>(set, 8).Fill(0xff);
        Check(Libc.posix_spawnattr_setsigdefault(attributes, set), "posix_spawnattr_setsigdefault", request);
    }

    private static byte* Allocate() => (byte*)NativeMemory.AllocZeroed(SizeOfOpaque);

    private static void Check(int error, string call, SpawnRequest request)
    {
        if (error != 0)
            throw new LinuxException((Errno)error, call, request.Path);
    }
}
