using System.Text.Json.Nodes;
using Kata.Tests.Benchmarks.Host;

namespace Kata.Tests.Benchmarks.Boot;

/// <summary>What a machine boots.</summary>
internal sealed record GuestFiles(string Kernel, string Initrd, string Parameters)
{
    /// <summary>Parameters without which an emulated guest fails now and then; our own starts have them too.</summary>
    public const string Emulated = "no_timer_check clearcpuid=cx16";

    /// <summary>The guest as built, with the parameters that its manifest recommends.</summary>
    public static GuestFiles Quick()
    {
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(ShimConfiguration.Guest, "manifest.json")))!;
        return new GuestFiles(
            Path.Combine(ShimConfiguration.Guest, "vmlinux"),
            Path.Combine(ShimConfiguration.Guest, "initrd.img"),
            $"{manifest["kernel_params"]} {Emulated}");
    }
}
