using FluentValidation;

namespace Kata.Core.Application.Volumes;

/// <summary>What a volume's size must be, whoever asks for it.</summary>
internal static class VolumeSize
{
    // Disks count in sectors.
    private const int Sector = 512;

    public static void IsVolumeSize<T>(this IRuleBuilder<T, long> bytes) => bytes
        .Must(size => size > 0 && size % Sector == 0)
        .WithMessage((_, size) => $"the size of a volume must be a positive multiple of {Sector}, not {size}");
}
