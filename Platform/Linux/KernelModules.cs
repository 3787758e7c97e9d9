using System.Runtime.InteropServices;

namespace Kata.Platform.Linux;

/// <summary>Kernel modules.</summary>
public static class KernelModules
{
    private const int MODULE_INIT_COMPRESSED_FILE = 4;

    /// <summary>Loads the module in a file. False if it is loaded already.</summary>
    public static bool Load(string path, string parameters = "")
    {
        using var file = DescriptorIo.Open(path, OpenFlags.O_RDONLY);
        var isCompressed = path.EndsWith(".xz", StringComparison.Ordinal)
            || path.EndsWith(".gz", StringComparison.Ordinal)
            || path.EndsWith(".zst", StringComparison.Ordinal);
        return Load(file, path, parameters, isCompressed);
    }

    /// <param name="isCompressed">Left to the kernel to unpack, which not every kernel can.</param>
    public static unsafe bool Load(SafeHandle file, string name, string parameters = "", bool isCompressed = false)
    {
        var native = NativeStrings.Allocate([parameters]);
        var held = false;
        file.DangerousAddRef(ref held);
        try
        {
            // SAFETY: the parameters live until the end of the block.
            var result = Libc.syscall(
                SyscallNumber.FinitModule, file.DangerousGetHandle(), (nint)native[0],
                isCompressed ? MODULE_INIT_COMPRESSED_FILE : 0, 0, 0);
            if (result == 0)
                return true;
            return LinuxException.LastErrno == Errno.EEXIST ? false : throw LinuxException.Last("finit_module", name);
        }
        finally
        {
            file.DangerousRelease();
            NativeStrings.Free(native);
        }
    }
}
