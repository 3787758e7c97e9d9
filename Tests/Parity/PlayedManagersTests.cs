using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using Kata.Adapters.Guest.Bundles;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Kata.Tests.Parity.Managers;
using Xunit;
using BenchmarkBundle = Kata.Tests.Benchmarks.Host.Bundle;

namespace Kata.Tests.Parity;

/// <summary>
/// The documents of our played managers beside those of the real ones: what only one sets is meant, and says why.
/// </summary>
public sealed class PlayedManagersTests
{
    private static readonly string[] Docker = ["docker-26/plain", "docker-28/plain"];
    private static readonly string[] Sandboxes = ["cri-1.6/sandbox", "cri-1.7/sandbox", "cri-2.1/sandbox"];
    private static readonly string[] Containers = ["cri-1.6/plain", "cri-1.7/plain", "cri-2.1/plain"];

    [Fact]
    public void Harness_single_container_sets_what_docker_does() =>
        Compare(OfHarness(ContainerKind.Single), Docker, ManagerDifferences.HarnessSingle);

    [Fact]
    public void Harness_pod_sets_what_containerd_does() =>
        Compare(OfHarness(ContainerKind.PodSandbox), Sandboxes, ManagerDifferences.HarnessPod);

    [Fact]
    public void Harness_container_of_a_pod_sets_what_containerd_does() =>
        Compare(OfHarness(ContainerKind.PodContainer), Containers, ManagerDifferences.HarnessPodContainer);

    [Fact]
    public void Benchmarks_container_of_a_pod_sets_what_containerd_does() =>
        Compare(OfBenchmarks("web", "pod"), Containers, ManagerDifferences.Benchmarks);

    // What each real one sets must be set, and what is set must be set by one of them.
    private static void Compare(JsonNode played, string[] real, IReadOnlyList<IntendedDifference> differences)
    {
        var ours = DocumentFacts.Of(played);
        var theirs = real.Select(name => DocumentFacts.Of(HandOver.Read(name).Bundle)).ToList();
        var onlyOurs = ours.Except(theirs.SelectMany(facts => facts)).ToList();
        var onlyTheirs = theirs[0].Where(fact => theirs.All(facts => facts.Contains(fact))).Except(ours).ToList();

        Lines(onlyOurs.Where(fact => !differences.Any(d => d.Covers(true, fact))))
            .Should().BeEmpty("only the played manager sets these");
        Lines(onlyTheirs.Where(fact => !differences.Any(d => d.Covers(false, fact))))
            .Should().BeEmpty("only the real ones set these");
        differences.Where(d => !(d.IsOurs ? onlyOurs : onlyTheirs).Any(fact => d.Covers(d.IsOurs, fact)))
            .Should().BeEmpty("a difference that is none is to go");
    }

    private static string Lines(IEnumerable<string> facts) => string.Join('\n', facts);

    private static JsonNode OfHarness(ContainerKind kind)
    {
        var shim = new HarnessShim();
        return JsonSerializer.SerializeToNode(shim.Bundles.Specs[shim.Bundle("box", kind)], OciJson.Default.OciSpec)!;
    }

    private static JsonNode OfBenchmarks(string id, string pod)
    {
        var folder = Directory.CreateTempSubdirectory("played").FullName;
        try
        {
            var bundle = BenchmarkBundle.Write(folder, id, pod);
            return JsonNode.Parse(File.ReadAllText(Path.Combine(bundle.Path, "config.json")))!;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
