using System.Globalization;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;
using Kata.Tests.TestHost;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>Sizes of what is installed.</summary>
internal static class SizeBenchmark
{
    public static Task RunAsync(Report report, int rounds)
    {
        foreach (var name in new[] { "containerd-shim-kata-v2", "kata-agent", "kata-runtime" })
            report.Row(
                "sizes", name, Size(Path.Combine(Repository.Artifacts, "publish", name)),
                name == "containerd-shim-kata-v2" ? $"runc's shim {Size(ShimKind.Runc.Program)}" : "");
        report.Row("sizes", "initrd", Size(Path.Combine(ShimConfiguration.Guest, "initrd.img")), "aim at most 10 MB");
        report.Row("sizes", "kernel (ELF)", Size(Path.Combine(ShimConfiguration.Guest, "vmlinux")), "");
        return Task.CompletedTask;
    }

    private static string Size(string path) => File.Exists(path)
        ? string.Create(CultureInfo.InvariantCulture, $"{new FileInfo(path).Length / 1e6:0.00} MB")
        : "missing";
}
