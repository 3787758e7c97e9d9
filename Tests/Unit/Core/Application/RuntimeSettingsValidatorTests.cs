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
        Hypervisor = new HypervisorSettings { Name = "qemu", Path = "/q", Kernel = "/k", Initrd = "/i" },
    };

    [Fact]
    public void Require_when_nothing_contradicts_answers_the_settings() =>
        RuntimeSettingsValidator.Require(Good).Should().BeSameAs(Good);

    [Theory]
    [InlineData("default_memory", 64, 0, 1, 0, "/i", "")]
    [InlineData("default_maxvcpus", 512, 0, 4, 2, "/i", "")]
    [InlineData("default_maxmemory", 512, 256, 1, 0, "/i", "")]
    [InlineData("both set", 512, 0, 1, 0, "/i", "/m")]
    [InlineData("neither initrd nor image", 512, 0, 1, 0, "", "")]
    public void Require_when_settings_contradict_names_file_and_key(
        string named, int memory, int maxMemory, int vcpus, int maxVcpus, string initrd, string image)
    {
        var bad = Good with
        {
            Hypervisor = Good.Hypervisor with
            {
                MemoryMib = memory,
                MaxMemoryMib = maxMemory,
                DefaultVcpus = vcpus,
                MaxVcpus = maxVcpus,
                Initrd = initrd,
                Image = image,
            },
        };

        var act = () => RuntimeSettingsValidator.Require(bad);

        var failure = act.Should().Throw<KataException>().Which;
        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().StartWith("a.toml: ").And.Contain(named);
    }

    [Fact]
    public void Require_when_several_contradict_names_them_all()
    {
        var bad = Good with { Hypervisor = Good.Hypervisor with { MemoryMib = 1, Initrd = "" } };

        var act = () => RuntimeSettingsValidator.Require(bad);

        act.Should().Throw<KataException>().WithMessage("*default_memory*neither initrd nor image*");
    }
}
