using System.Text.RegularExpressions;
using FluentAssertions;
using Xunit;

namespace Kata.Tests.Architecture;

/// <summary>What a port promises is a suite of its own, which every implementation runs.</summary>
public sealed class PortTests
{
    /// <summary>Ports whose promise is part of another's suite, or that have one implementation and no fake.</summary>
    private static readonly Dictionary<string, string> Elsewhere = new()
    {
        ["IGuestAgentConnector"] = "GuestAgentContract",
        ["IGuestSandbox"] = "GuestAgentContract",
        ["IGuestNetwork"] = "GuestAgentContract",
        ["IGuestUpkeep"] = "GuestAgentContract",
        ["IGuestContainers"] = "GuestAgentContract",
        ["IGuestProcesses"] = "GuestAgentContract",
        ["IVirtualMachine"] = "HypervisorContract",
        ["ISharedDirectory"] = "SharedFilesystemContract",
        ["ISandboxLinks"] = "SandboxNetworkContract",
        ["IStdioPipes"] = "ProcessStdioContract",
        ["ILocalPortListener"] = "LocalPortsContract",
        ["ILocalConnection"] = "LocalPortsContract",
        ["IResourceLedger"] = "SandboxStoreContract",
        ["IResourceReleaser"] = "SandboxStoreContract",
        ["IHostDevices"] = "HostDevicesTests",
        ["IShimManagement"] = "ManagementClientTests",
        ["ITimelines"] = "TimelineTests",
    };

    public static TheoryData<string> Ports =>
    [
        .. Assemblies.Application.GetTypes()
            .Where(type => type.IsInterface && type.Namespace == "Kata.Core.Application.Ports")
            .Select(type => type.Name),
    ];

    [Theory]
    [MemberData(nameof(Ports))]
    public void Port_has_a_suite(string port) =>
        Repository.Files("Tests", $"/{Elsewhere.GetValueOrDefault(port, $"{port[1..]}Contract")}.cs")
            .Should().ContainSingle();

    [Fact]
    public void Suite_of_a_port_is_run_by_the_fake_and_by_the_real_one()
    {
        var suites = Repository.Files("Tests/Contracts", "Contract.cs").Select(Path.GetFileNameWithoutExtension);
        var sources = Repository.Files("Tests", ".cs").Select(Repository.Read).ToList();

        foreach (var suite in suites)
            sources.Sum(text => Regex.Count(text, $@"\bclass \w+[^\n]* : {suite}\b"))
                .Should().BeGreaterThan(1, $"of {suite}");
    }
}
