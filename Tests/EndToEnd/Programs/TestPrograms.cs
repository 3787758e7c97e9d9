using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Programs;

/// <summary>Small C programs for what busybox cannot, linked statically so that they run anywhere.</summary>
internal static class TestPrograms
{
    /// <summary>Compiles a program of this folder.</summary>
    /// <param name="name">Its source without <c>.c</c>.</param>
    /// <param name="folder">Where it is put, under its name.</param>
    /// <returns>Its path.</returns>
    public static async Task<string> BuildAsync(string name, string folder)
    {
        var program = Path.Combine(folder, name);
        var source = Path.Combine(Repository.Root, "Tests", "EndToEnd", "Programs", $"{name}.c");
        (await Command.RunAsync("gcc", ["-O1", "-static", "-o", program, source])).Exited(0);
        return program;
    }
}
