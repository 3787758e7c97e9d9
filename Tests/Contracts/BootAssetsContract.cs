using FluentAssertions;
using Kata.Adapters.Guest.Assets;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IBootAssets"/> keeps to.</summary>
public abstract class BootAssetsContract
{
    protected abstract IBootAssets Assets { get; }

    /// <summary>The path of a file that is there, or of one that is not.</summary>
    protected abstract string File(string name, bool exists = true);

    [Fact]
    public async Task Find_when_all_are_there_gives_them_and_the_parameters()
    {
        var found = await Assets.FindAsync(Settings() with { KernelParameters = ["quiet"] }, default);

        found.Kernel.Value.Should().Be(File("kernel"));
        found.Initrd!.Value.Should().Be(File("initrd"));
        found.Image.Should().BeNull();
        found.KernelParameters.Should().Equal("quiet");
    }

    [Fact]
    public async Task Find_when_an_image_is_named_gives_it() =>
        (await Assets.FindAsync(Settings() with { Initrd = "", Image = File("image") }, default))
            .Image!.Value.Should().Be(File("image"));

    [Theory]
    [InlineData("kernel")]
    [InlineData("initrd")]
    public async Task Find_when_one_is_missing_names_path_and_key(string key)
    {
        var missing = File($"missing-{key}", exists: false);
        var settings = key == "kernel" ? Settings() with { Kernel = missing } : Settings() with { Initrd = missing };

        var failure = await Assets.Invoking(a => a.FindAsync(settings, default)).Should().ThrowAsync<KataException>();

        failure.Which.Kind.Should().Be(ErrorKind.NotFound);
        failure.Which.Message.Should().Contain(missing).And.Contain(key)
            .And.NotContainEquivalentOf("no such file or directory");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Find_when_initrd_and_image_are_both_or_neither_named_is_refused(bool both)
    {
        var settings = both ? Settings() with { Image = File("image") } : Settings() with { Initrd = "" };

        var failure = await Assets.Invoking(a => a.FindAsync(settings, default)).Should().ThrowAsync<KataException>();

        failure.Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Which.Message.Should().Contain("initrd").And.Contain("image");
    }

    private HypervisorSettings Settings() =>
        new() { Name = "qemu", Path = File("vmm"), Kernel = File("kernel"), Initrd = File("initrd") };
}

/// <summary>The assets of the harness.</summary>
public sealed class BootAssetsHarnessTests : BootAssetsContract
{
    private readonly HarnessAssets _assets = new(new HarnessHost());

    protected override IBootAssets Assets => _assets;

    protected override string File(string name, bool exists = true)
    {
        if (!exists)
            _assets.Missing.Add($"/boot/{name}");
        return $"/boot/{name}";
    }
}

/// <summary>Assets on disk.</summary>
public sealed class BootAssetsFileTests : BootAssetsContract, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("assets").FullName;

    protected override IBootAssets Assets { get; } = new BootAssetLocator();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    protected override string File(string name, bool exists = true)
    {
        var path = $"{_folder}/{name}";
        if (exists)
            System.IO.File.WriteAllText(path, name);
        return path;
    }
}
