using System.Runtime.CompilerServices;

namespace Kata.Tests.TestHost;

/// <summary>Where the sources and what was built from them lie.</summary>
public static class Repository
{
    /// <summary>
    /// The top of the working tree. The tests may be built to any folder, so it is known from the source file's own
    /// path.
    /// </summary>
    public static string Root { get; } =
        Environment.GetEnvironmentVariable("KATA_REPOSITORY") is { Length: > 0 } told
            ? told
            : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", ".."));

    public static string Artifacts => Path.Combine(Root, "artifacts");

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
