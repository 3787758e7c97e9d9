using System.Runtime.InteropServices;
using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Xunit;

namespace Kata.Tests.Unit.Qemu;

public sealed class HostCapabilitiesTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("abilities").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("fpu vmx sse")]
    [InlineData("fpu svm")]
    public void Choose_when_device_opens_and_cpu_can_is_kvm(string flags)
    {
        var choice = Host(flags).ChooseAccelerator(Accelerator.Auto);

        choice.Kvm.Should().BeTrue();
        choice.IsFallback.Should().BeFalse();
    }

    [Fact]
    public void Choose_when_device_opens_but_cpu_cannot_falls_back_and_says_why()
    {
        var choice = Host("fpu sse vmxnet").ChooseAccelerator(Accelerator.Auto);

        choice.Kvm.Should().BeFalse();
        choice.IsFallback.Should().BeTrue();
        choice.Reason.Should().Contain("vmx").And.Contain("svm");
    }

    [Fact]
    public void Choose_when_arm_needs_the_device_only()
    {
        var host = new HostCapabilities(Device(),
            cpuInfo: Path.Combine(_directory, "none"))
        {
            Architecture = Architecture.Arm64
        };

        host.ChooseAccelerator(Accelerator.Auto).Kvm.Should().BeTrue();
    }

    [Fact]
    public void Choose_when_device_is_missing_falls_back()
    {
        var choice = new HostCapabilities(Path.Combine(_directory, "kvm")).ChooseAccelerator(Accelerator.Auto);

        choice.Reason.Should().Contain("is missing");
    }

    [Fact]
    public void Choose_when_kvm_is_demanded_and_missing_names_the_setting()
    {
        var host = new HostCapabilities(Path.Combine(_directory, "kvm"));

        host.Invoking(h => h.ChooseAccelerator(Accelerator.Kvm)).Should().Throw<KataException>()
            .WithMessage("accelerator is kvm, but *kvm is missing*").Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public void Choose_when_emulation_is_demanded_is_no_fallback() =>
        Host("vmx").ChooseAccelerator(Accelerator.Tcg).Should().Be(new AcceleratorChoice(false, false, "TCG, as set"));

    private HostCapabilities Host(string flags)
    {
        var cpuInfo = Path.Combine(_directory, "cpuinfo");
        File.WriteAllText(cpuInfo, $"processor\t: 0\nflags\t\t: {flags}\n");
        return new HostCapabilities(Device(), cpuInfo: cpuInfo) { Architecture = Architecture.X64 };
    }

    private string Device()
    {
        var device = Path.Combine(_directory, "device");
        File.WriteAllText(device, "");
        return device;
    }
}
