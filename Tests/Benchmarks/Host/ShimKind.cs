using Kata.Tests.TestHost;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>A shim that is measured.</summary>
/// <param name="Name">What it is called in the table.</param>
/// <param name="Program">Its path.</param>
internal sealed record ShimKind(string Name, string Program)
{
    /// <summary>Ours, as published.</summary>
    public static ShimKind Ours { get; } = new(
        "kata (ours)", Path.Combine(Repository.Artifacts, "publish", "containerd-shim-kata-v2"));

    /// <summary>The one of containerd, in Go.</summary>
    public static ShimKind Runc { get; } = new("runc's (Go)", Find("containerd-shim-runc-v2"));

    private static string Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException($"{name} is not in PATH");
}
