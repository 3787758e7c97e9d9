using System.Runtime.InteropServices;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;

namespace Kata.Adapters.Qemu;

/// <summary>What this host can: asked anew for each machine, since modules come and go.</summary>
internal sealed class HostCapabilities(
    string kvmDevice = "/dev/kvm", string vhostNetDevice = "/dev/vhost-net",
    string vhostVsockDevice = "/dev/vhost-vsock", string cpuInfo = "/proc/cpuinfo")
{
    private const string KeyName = "accelerator";

    public string VhostVsockDevice { get; } = vhostVsockDevice;

    public Architecture Architecture { get; init; } = RuntimeInformation.ProcessArchitecture;

    /// <summary>Whether NICs can have vhost in the kernel.</summary>
    public bool HasVhostNet() => Open(vhostNetDevice) is null;

    /// <summary>The accelerator for a wish, and why.</summary>
    public AcceleratorChoice ChooseAccelerator(Accelerator wish)
    {
        if (wish == Accelerator.Tcg)
            return new AcceleratorChoice(false, false, "TCG, as set");
        var refusal = Open(kvmDevice);
        if (wish == Accelerator.Kvm)
            return refusal is null ? new AcceleratorChoice(true, false, "KVM, as set") : throw NoKvm(refusal);
        if (refusal is not null)
            return new AcceleratorChoice(false, true, $"TCG, because {Describe(refusal)}");
        return HasVirtualization()
            ? new AcceleratorChoice(true, false, $"KVM, because {kvmDevice} opens and the CPU has virtualization")
            : new AcceleratorChoice(
                false, true, $"TCG, because {kvmDevice} opens but the CPU shows neither vmx nor svm");
    }

    private bool HasVirtualization()
    {
        // On other architectures the device exists only if the CPU was started in the mode that KVM needs.
        if (Architecture != Architecture.X64)
            return true;
        try
        {
            foreach (var line in File.ReadLines(cpuInfo))
            {
                if (line.StartsWith("flags", StringComparison.Ordinal))
                    return line.Split(' ').Any(flag => flag is "vmx" or "svm");
            }
        }
        catch (IOException)
        {
            // Without /proc/cpuinfo nothing is known, which is not enough.
        }
        return false;
    }

    private string Describe(LinuxException refusal) => refusal.Errno == Errno.ENOENT
        ? $"{kvmDevice} is missing"
        : $"{kvmDevice} does not open ({refusal.Errno})";

    private KataException NoKvm(LinuxException refusal) => new(
        refusal.ToKind(ErrorKind.InvalidArgument),
        $"{KeyName} is kvm, but {Describe(refusal)}: give access to it, or set {KeyName} to auto or tcg",
        refusal);

    private static LinuxException? Open(string device)
    {
        try
        {
            DescriptorIo.Open(device, OpenFlags.O_RDWR).Dispose();
            return null;
        }
        catch (LinuxException refusal)
        {
            return refusal;
        }
    }
}

/// <summary>The accelerator of a machine.</summary>
/// <param name="Kvm">KVM, else emulation.</param>
/// <param name="IsFallback">Emulation because there is nothing better: worth a warning.</param>
/// <param name="Reason">For the log and the state directory.</param>
internal sealed record AcceleratorChoice(bool Kvm, bool IsFallback, string Reason);
