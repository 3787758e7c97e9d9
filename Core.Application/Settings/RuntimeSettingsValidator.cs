using FluentValidation;
using Kata.Core.Domain;

namespace Kata.Core.Application.Settings;

/// <summary>
/// What single values cannot tell: settings that contradict each other or could never start a machine. Every sentence
/// names the keys.
/// </summary>
public sealed class RuntimeSettingsValidator : AbstractValidator<RuntimeSettings>
{
    // Debian's kernel with an agent in its initrd does not start with less.
    private const int MinMemoryMib = 128;

    /// <summary>The rules.</summary>
    public RuntimeSettingsValidator()
    {
        RuleFor(s => s.Hypervisor.Kernel)
            .NotEmpty()
            .WithMessage("kernel is not set; it must name the guest's kernel");
        RuleFor(s => s.Hypervisor.MemoryMib)
            .GreaterThanOrEqualTo(MinMemoryMib)
            .WithMessage(
                s => $"default_memory is {s.Hypervisor.MemoryMib} MiB; a guest needs at least {MinMemoryMib}");
        RuleFor(s => s.Hypervisor.MaxVcpus)
            .Must((s, most) => most == 0 || most >= s.Hypervisor.DefaultVcpus)
            .WithMessage(
                s =>
                    $"default_maxvcpus is {s.Hypervisor.MaxVcpus}, less than default_vcpus, "
                    + $"which is {s.Hypervisor.DefaultVcpus}; raise it, or set it to 0 for as many as the host has");
        RuleFor(s => s.Hypervisor.MaxMemoryMib)
            .Must((s, most) => most == 0 || most >= s.Hypervisor.MemoryMib)
            .WithMessage(
                s =>
                    $"default_maxmemory is {s.Hypervisor.MaxMemoryMib}, less than default_memory, "
                    + $"which is {s.Hypervisor.MemoryMib}; raise it, or set it to 0 for all of the host's");
        RuleFor(s => s.Hypervisor)
            .Must(h => h.Image.Length > 0 != h.Initrd.Length > 0)
            .WithMessage(s => s.Hypervisor.Image.Length > 0
                ? "initrd and image are both set; set one of them"
                : "neither initrd nor image is set; the guest needs one that holds its agent");
        RuleFor(s => s.Hypervisor.VirtioFsDaemon)
            .NotEmpty()
            .When(s => s.Hypervisor.SharedFs == "virtio-fs")
            .WithMessage("virtio_fs_daemon is not set; it must name virtiofsd when shared_fs is virtio-fs");
        RuleFor(s => s.Hypervisor.VirtioFsDaxMib)
            .Must((s, window) => window == 0 || s.Hypervisor.SharedFs == "virtio-fs")
            .WithMessage("virtio_fs_cache_size is set, but shared_fs is not virtio-fs");
    }

    /// <summary>
    /// The settings themselves, or an InvalidArgument failure that names where they came from and every fault.
    /// </summary>
    public static RuntimeSettings Require(RuntimeSettings settings)
    {
        var result = new RuntimeSettingsValidator().Validate(settings);
        return result.IsValid
            ? settings
            : throw new KataException(
                ErrorKind.InvalidArgument,
                $"{settings.Source}: {string.Join("; ", result.Errors.Select(e => e.ErrorMessage))}");
    }
}
