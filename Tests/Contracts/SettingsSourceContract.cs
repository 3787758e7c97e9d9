using System.Text;
using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every implementation of <see cref="ISettingsSource"/> promises.</summary>
public abstract class SettingsSourceContract
{
    private static readonly Dictionary<string, string> NoAnnotations = [];

    protected abstract ISettingsSource Port { get; }

    /// <summary>Options whose configuration has this guest kernel.</summary>
    protected abstract RuntimeOptions OptionsWithKernel(string kernel);

    /// <summary>Options whose configuration is not there or cannot be read.</summary>
    protected abstract RuntimeOptions BrokenOptions();

    [Fact]
    public async Task Read_gives_what_the_options_name()
    {
        var settings = await Port.ReadAsync(OptionsWithKernel("/guest/kernel"), NoAnnotations, CancellationToken.None);

        settings.Hypervisor.Kernel.Should().Be("/guest/kernel");
        settings.Source.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Read_of_a_broken_configuration_is_an_InvalidArgument_failure()
    {
        var failure = await FluentActions.Awaiting(
            () => Port.ReadAsync(BrokenOptions(), NoAnnotations,
                CancellationToken.None)).Should().ThrowAsync<KataException>();

        failure.Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    protected static string TomlWithKernel(string kernel) =>
        $"[hypervisor.qemu]\nkernel = \"{kernel}\"\ninitrd = \"/i\"\nshared_fs = \"none\"\n";

    protected static ReadOnlyMemory<byte> Body(string toml) => Encoding.UTF8.GetBytes(toml);
}
