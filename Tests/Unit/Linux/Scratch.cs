namespace Kata.Tests.Unit.Linux;

/// <summary>A directory for one test.</summary>
internal sealed class Scratch : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("kata-linux-");

    public string Root => _directory.FullName;

    public string this[string name] => Path.Combine(Root, name);

    public void Dispose()
    {
        Kata.Platform.Linux.Mounts.UnmountTree(Root);
        _directory.Delete(recursive: true);
    }
}
