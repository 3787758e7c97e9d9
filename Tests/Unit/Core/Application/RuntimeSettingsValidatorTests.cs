using FluentAssertions;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

public class RuntimeSettingsValidatorTests
{
    private static readonly RuntimeSettings Good = new()
    {
        Source = "a.toml",
        Hypervisor = new HypervisorSettings
        {
            Name = "vmm",
            Path = "/q",
            Kernel = "/k",
            Initrd = "/i",
            VirtioFsDaemon = "/v",
        },
    };

    // Each rule at its edge: settings that just hold, settings that just do not, and what is said of them.
    private static readonly Dictionary<string, (HypervisorSettings Holds, HypervisorSettings Breaks, string Said)>
        Rules = new()
        {
            ["kernel"] = (
                Good.Hypervisor,
                Good.Hypervisor with { Kernel = "" },
                "kernel is not set; it must name the guest's kernel"),
            ["default_memory"] = (
                Good.Hypervisor with { MemoryMib = 128 },
                Good.Hypervisor with { MemoryMib = 127 },
                "default_memory is 127 MiB; a guest needs at least 128"),
            ["default_maxmemory"] = (
                Good.Hypervisor with { MemoryMib = 512, MaxMemoryMib = 512 },
                Good.Hypervisor with { MemoryMib = 512, MaxMemoryMib = 511 },
                "default_maxmemory is 511, less than default_memory, which is 512; "
                    + "raise it, or set it to 0 for all of the host's"),
            ["default_maxvcpus"] = (
                Good.Hypervisor with { DefaultVcpus = 4, MaxVcpus = 4 },
                Good.Hypervisor with { DefaultVcpus = 4, MaxVcpus = 3 },
                "default_maxvcpus is 3, less than default_vcpus, which is 4; "
                    + "raise it, or set it to 0 for as many as the host has"),
            ["both roots"] = (
                Good.Hypervisor with { Initrd = "", Image = "/m" },
                Good.Hypervisor with { Image = "/m" },
                "initrd and image are both set; set one of them"),
            ["no root"] = (
                Good.Hypervisor,
                Good.Hypervisor with { Initrd = "" },
                "neither initrd nor image is set; the guest needs one that holds its agent"),
            ["virtio_fs_daemon"] = (
                Good.Hypervisor with { SharedFs = "none", VirtioFsDaemon = "" },
                Good.Hypervisor with { VirtioFsDaemon = "" },
                "virtio_fs_daemon is not set; it must name virtiofsd when shared_fs is virtio-fs"),
            ["virtio_fs_cache_size"] = (
                Good.Hypervisor with { VirtioFsDaxMib = 64 },
                Good.Hypervisor with { VirtioFsDaxMib = 64, SharedFs = "none" },
                "virtio_fs_cache_size is set, but shared_fs is not virtio-fs"),
        };

    public static TheoryData<string> Names => [.. Rules.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Require_when_a_rule_just_holds_answers_the_settings(string rule)
    {
        var settings = Good with { Hypervisor = Rules[rule].Holds };

        RuntimeSettingsValidator.Require(settings).Should().BeSameAs(settings);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Require_when_a_rule_is_broken_names_the_file_and_the_keys(string rule)
    {
        var act = () => RuntimeSettingsValidator.Require(Good with { Hypervisor = Rules[rule].Breaks });

        var failure = act.Should().Throw<KataException>().Which;
        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Be($"a.toml: {Rules[rule].Said}");
    }

    [Fact]
    public void Require_when_maxima_are_0_sets_no_bound()
    {
        var settings = Good with
        {
            Hypervisor = Good.Hypervisor with { DefaultVcpus = 4, MaxVcpus = 0, MaxMemoryMib = 0 }
        };

        RuntimeSettingsValidator.Require(settings).Should().BeSameAs(settings);
    }

    [Fact]
    public void Require_when_several_contradict_names_them_all()
    {
        var bad = Good with { Hypervisor = Good.Hypervisor with { MemoryMib = 1, Initrd = "" } };

        var act = () => RuntimeSettingsValidator.Require(bad);

        act.Should().Throw<KataException>().WithMessage("*default_memory*neither initrd nor image*");
    }
}
