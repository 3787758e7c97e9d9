using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;

namespace Kata.Adapters.Guest.Assets;

/// <summary>Finds kernel, initrd and image where the settings say, before anything is started for them.</summary>
internal sealed class BootAssetLocator : IBootAssets
{
    public Task<BootAssets> FindAsync(HypervisorSettings settings, CancellationToken ct)
    {
        if (settings.Initrd.Length > 0 && settings.Image.Length > 0)
            throw Invalid("initrd and image are both set; set one of them");
        if (settings.Initrd.Length == 0 && settings.Image.Length == 0)
            throw Invalid("neither initrd nor image is set; the guest needs one that holds its agent");

        var kernel = Find(settings.Kernel, "kernel", settings);
        Find(settings.Path, "path", settings);
        var image = settings.Image.Length > 0 ? Find(settings.Image, "image", settings) : null;
        return Task.FromResult(new BootAssets
        {
            Kernel = kernel,
            Initrd = settings.Initrd.Length > 0
                ? Find(settings.Initrd, "initrd", settings)
                : image is null ? null : BootInitrdOf(image),
            Image = image,
            ImageBytes = image is null ? 0 : new FileInfo(image.Value).Length,
            ImageDriver = settings.DisableImageNvdimm ? ImageDriver.VirtioBlk : ImageDriver.Nvdimm,
            RootFsType = settings.RootFsType,
            KernelParameters = settings.KernelParameters,
        });
    }

    // A kernel whose drivers are modules needs a small initrd to reach its root image; it lies beside the image.
    private static HostPath? BootInitrdOf(HostPath image)
    {
        var stem = image.Value.EndsWith(".img", StringComparison.Ordinal) ? image.Value[..^4] : image.Value;
        var beside = $"{stem}-boot.img";
        return File.Exists(beside) ? HostPath.Parse(beside, "initrd of the image") : null;
    }

    private static HostPath Find(string path, string key, HypervisorSettings settings)
    {
        var parsed = HostPath.Parse(path, $"key {key} of [hypervisor.{settings.Name}]");
        var file = new FileInfo(parsed.Value);
        if (!file.Exists)
        {
            throw new KataException(ErrorKind.NotFound,
                $"{parsed} is missing (key {key} of [hypervisor.{settings.Name}]): "
                + $"install it, or set {key} to where it is");
        }

        if (file.Length == 0)
            throw Invalid($"{parsed} (key {key}) is empty");
        return parsed;
    }

    private static KataException Invalid(string why) => new(ErrorKind.InvalidArgument, $"boot assets: {why}");
}
