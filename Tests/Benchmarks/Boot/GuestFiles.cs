using System.Text.Json.Nodes;
using Kata.Tests.Benchmarks.Host;

namespace Kata.Tests.Benchmarks.Boot;

/// <summary>What a machine boots.</summary>
internal sealed record GuestFiles(string Kernel, string Initrd, string Parameters)
{
    /// <summary>The guest as built, with the parameters that its manifest recommends.</summary>
    public static GuestFiles Quick()
    {
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(ShimConfiguration.Guest, "manifest.json")))!;
        return new GuestFiles(
            Path.Combine(ShimConfiguration.Guest, "vmlinux"), Path.Combine(ShimConfiguration.Guest, "initrd.img"), $"{manifest["kernel_params"]} no_timer_check");
    }
}
