using Kata.Core.Application.Ports;
using Kata.Core.Domain.Storage;

namespace Kata.Adapters.Guest.Assets;

/// <summary>Device nodes, opened and closed at once.</summary>
internal sealed class HostDevices : IHostDevices
{
    public bool CanOpen(HostPath device)
    {
        try
        {
            new FileStream(device.Value, FileMode.Open, FileAccess.ReadWrite).Dispose();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
