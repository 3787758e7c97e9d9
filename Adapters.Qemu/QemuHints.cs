namespace Kata.Adapters.Qemu;

/// <summary>Texts of QEMU that have one likely cause, and what to do about it.</summary>
internal static class QemuHints
{
    private static readonly (string Text, string Hint)[] Known =
    [
        ("Could not access KVM kernel module",
            "KVM cannot be used: load kvm_intel or kvm_amd and give access to /dev/kvm, "
            + "or set accelerator to auto or tcg"),
        ("failed to initialize kvm",
            "KVM cannot be used: load kvm_intel or kvm_amd and give access to /dev/kvm, "
            + "or set accelerator to auto or tcg"),
        ("seccomp support is disabled", "this QEMU is built without seccomp: set seccompsandbox to an empty text"),
        ("There is no option group 'sandbox'",
            "this QEMU is built without seccomp: set seccompsandbox to an empty text"),
        ("Invalid parameter 'obsolete'", "this QEMU is built without seccomp: set seccompsandbox to an empty text"),
        ("cannot set up guest memory", "the host has too little memory left for default_memory"),
        ("Cannot allocate memory", "the host has too little memory left for default_memory"),
        ("Unable to allocate", "the host has too little memory left for default_memory"),
        ("phys-bits too low", "default_maxmemory is more than the CPU can address: set it lower"),
        ("exceeds maximum", "default_maxmemory or default_maxvcpus is more than this machine type can have"),
        ("could not load kernel",
            "the file that kernel names is no kernel that QEMU can start: an ELF with a PVH note or a bzImage"),
        ("Error loading uncompressed kernel without PVH ELF Note",
            "the kernel is an ELF without a PVH note: name a bzImage, or build it with CONFIG_PVH"),
        ("could not load initrd", "the file that initrd names cannot be read"),
        ("unsupported machine type", "this QEMU does not have that machine_type"),
        ("is not a valid device model name",
            "this QEMU lacks a device: on Debian, install qemu-system-x86 rather than a reduced build"),
        ("Property 'vhost-user-fs-device.cache-size' not found",
            "this QEMU has no DAX window for virtio-fs: set virtio_fs_cache_size to 0"),
        ("Property 'vhost-user-fs-pci.cache-size' not found",
            "this QEMU has no DAX window for virtio-fs: set virtio_fs_cache_size to 0"),
        ("Failed to connect to",
            "a daemon that the machine needs has ended: see what virtiofsd or vhost-device-vsock said"),
        ("Failed to read msg header",
            "virtiofsd or vhost-device-vsock ended while the machine was being built: see what it said"),
        ("could not open", "a file or device of the settings cannot be opened by QEMU"),
        ("Could not open", "a file or device of the settings cannot be opened by QEMU"),
    ];

    /// <summary>The hint for the first known text; null if there is none.</summary>
    public static string? For(IEnumerable<string> lines)
    {
        var text = string.Join('\n', lines);
        foreach (var (known, hint) in Known)
        {
            if (text.Contains(known, StringComparison.OrdinalIgnoreCase))
                return hint;
        }
        return null;
    }

    /// <summary>True if the host had too little of something.</summary>
    public static bool IsExhausted(IEnumerable<string> lines) =>
        lines.Any(
            line =>
                line.Contains("cannot set up guest memory", StringComparison.OrdinalIgnoreCase)
                    || line.Contains("Cannot allocate memory", StringComparison.Ordinal));

    /// <summary>True if the host refused something.</summary>
    public static bool IsRefused(IEnumerable<string> lines) =>
        lines.Any(line => line.Contains("Permission denied", StringComparison.Ordinal));
}
