using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>Devices of the host that make guests faster.</summary>
public interface IHostDevices
{
    /// <summary>Whether a device is there and this process may read and write it.</summary>
    bool CanOpen(HostPath device);
}
