using System.Text.RegularExpressions;
using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Kata.Tests.Architecture;

/// <summary>A hypervisor is known by name to its own adapter alone.</summary>
public sealed partial class HypervisorTests
{
    // The adapter of what the host gives the guest knows QEMU's file daemon, which is none.
    public static TheoryData<string> Strangers => ["Adapters.Shimv2", "Adapters.Vsock", "Core.Application", "Core.Domain"];

    [Theory]
    [MemberData(nameof(Strangers))]
    public void Sources_beside_its_adapter_when_searched_name_no_hypervisor(string folder)
    {
        var sources = Repository.Files(folder, ".cs").ToList();

        sources.Should().HaveCountGreaterThan(5);
        sources.SelectMany(path => Code(path).Where(line => Names().IsMatch(line)).Select(line => $"{path}: {line}"))
            .Should().BeEmpty();
    }

    [Fact]
    public void Hypervisors_that_are_registered_bring_their_section_of_the_configuration()
    {
        using var services = new ServiceCollection().AddLogging().AddQemu().BuildServiceProvider();

        services.GetServices<IHypervisorSection>().Select(section => section.Name)
            .Should().NotBeEmpty().And.Equal(services.GetServices<IHypervisor>().Select(hypervisor => hypervisor.Name));
    }

    [Fact]
    public void Hypervisors_of_the_shim_are_those_whose_settings_the_tool_reads()
    {
        var shim = Registered("Apps/Shim/ShimComposition.cs", Runs());

        shim.Should().NotBeEmpty();
        Registered("Apps/Admin/AdminComposition.cs", Reads()).Should().BeEquivalentTo(shim);
    }

    // A comment may say what one of them does.
    private static IEnumerable<string> Code(string path) =>
        Repository.Read(path).Split('\n').Where(line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal));

    private static IEnumerable<string> Registered(string path, Regex registration) =>
        registration.Matches(Repository.Read(path)).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"qemu|\bclh\b|cloud-?hypervisor", RegexOptions.IgnoreCase)]
    private static partial Regex Names();

    [GeneratedRegex(@"\bAdd(Qemu|CloudHypervisor)\(\)")]
    private static partial Regex Runs();

    [GeneratedRegex(@"\bAdd(\w+)Settings\(\)")]
    private static partial Regex Reads();
}
