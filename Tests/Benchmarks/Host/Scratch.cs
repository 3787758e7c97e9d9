namespace Kata.Tests.Benchmarks.Host;

/// <summary>A directory that goes with its owner.</summary>
internal sealed class Scratch : IDisposable
{
    /// <summary>Where it is.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("kata-bench-").FullName;

    /// <summary>A path in it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (IOException)
        {
            // Something is still mounted there, in a namespace that ends with the benchmarks.
        }
    }
}
