using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Tests.Contracts;

/// <summary>
/// A filesystem that answers nothing, as one of a server that is gone: FUSE without anybody who serves it. Once this is
/// disposed of, who waits for it is told so.
/// </summary>
internal sealed class StalledFilesystem : IDisposable
{
    private readonly SafeFileHandle _device = DescriptorIo.Open("/dev/fuse", OpenFlags.O_RDWR);
    private readonly string _place;

    public StalledFilesystem(string place)
    {
        _place = Directory.CreateDirectory(place).FullName;
        Mounts.Mount(
            "stalled", _place, "fuse", MountFlags.None,
            $"fd={_device.DangerousGetHandle()},rootmode=40000,user_id=0,group_id=0");
    }

    public void Dispose()
    {
        _device.Dispose();
        Mounts.UnmountTree(_place);
    }
}
