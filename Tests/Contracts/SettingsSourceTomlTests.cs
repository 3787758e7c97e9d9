using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Adapters.Shimv2.Configuration;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>A configuration file.</summary>
public sealed class SettingsSourceFileTests : SettingsSourceContract, IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("config").FullName;

    protected override ISettingsSource Port { get; } = new SettingsReader(
        new ConfigSearchPath("", []), [new QemuSection()], NullLogger<SettingsReader>.Instance);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    protected override RuntimeOptions OptionsWithKernel(string kernel)
    {
        var path = Path.Combine(_directory, "configuration.toml");
        File.WriteAllText(path, TomlWithKernel(kernel));
        return new RuntimeOptions(path, null);
    }

    protected override RuntimeOptions BrokenOptions() => new(Path.Combine(_directory, "missing.toml"), null);

    [Fact]
    public async Task Read_of_a_file_that_is_not_there_names_it_without_reading_like_a_missing_command()
    {
        var failure = await FluentActions.Awaiting(
            () => Port.ReadAsync(BrokenOptions(), new Dictionary<string, string>(), CancellationToken.None))
            .Should().ThrowAsync<KataException>();

        failure.Which.Message.Should().Contain("missing.toml").And.NotContainEquivalentOf("no such file");
    }
}

/// <summary>A configuration in the options themselves.</summary>
public sealed class SettingsSourceBodyTests : SettingsSourceContract
{
    protected override ISettingsSource Port { get; } = new SettingsReader(
        new ConfigSearchPath("", []), [new QemuSection()], NullLogger<SettingsReader>.Instance);

    protected override RuntimeOptions OptionsWithKernel(string kernel) => new(null, Body(TomlWithKernel(kernel)));

    protected override RuntimeOptions BrokenOptions() => new(null, Body("[hypervisor"));
}
