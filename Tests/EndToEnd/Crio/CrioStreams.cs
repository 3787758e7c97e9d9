using System.Text;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Tests.EndToEnd.Crio;

/// <summary>The fifos of a process, opened by CRI-O before the shim is told of them.</summary>
internal sealed class CrioStreams : IDisposable
{
    private readonly SafeFileHandle _stdout;
    private readonly SafeFileHandle _stderr;
    private readonly StringBuilder _taken = new();

    public CrioStreams(string seen, string directory, string id)
    {
        foreach (var name in new[] { "stdin", "stdout", "stderr" })
            Fifo.Create($"{seen}{directory}/{id}-{name}");
        (Stdout, Stderr) = ($"{directory}/{id}-stdout", $"{directory}/{id}-stderr");
        _stdout = Fifo.OpenReader(seen + Stdout);
        _stderr = Fifo.OpenReader(seen + Stderr);
    }

    private CrioStreams(string stdout, string stderr, SafeFileHandle[] open)
    {
        (Stdout, Stderr) = (stdout, stderr);
        (_stdout, _stderr) = (open[0], open[1]);
    }

    public string Stdout { get; }

    public string Stderr { get; }

    /// <summary>
    /// As CRI-O does when it is back: in a thread that waits for a writer. The stream that had nothing unread has none
    /// any more, and CRI-O's thread waits for ever; here it is opened without waiting.
    /// </summary>
    public static async Task<CrioStreams> OpenAgainAsync(string seen, string stdout, string stderr)
    {
        var first = await OpenWaitingAsync(seen + stdout);
        return new CrioStreams(stdout, stderr, [first, Fifo.OpenReader(seen + stderr)]);
    }

    /// <summary>What is in the fifos at this moment, and what was before. Nothing is waited for.</summary>
    public string Take()
    {
        var buffer = new byte[4096];
        foreach (var stream in new[] { _stdout, _stderr })
        {
            int read;
            while ((read = DescriptorIo.TryRead(stream, buffer)) > 0)
                _taken.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }

        return _taken.ToString();
    }

    /// <summary>Both have been read to their end: nobody is left who could write.</summary>
    public bool HaveEnded()
    {
        Take();
        return new[] { _stdout, _stderr }.All(stream => DescriptorIo.TryRead(stream, new byte[1]) == 0);
    }

    private static async Task<SafeFileHandle> OpenWaitingAsync(string path)
    {
        var handle = await Task.Factory.StartNew(
            () => DescriptorIo.Open(path, OpenFlags.O_RDONLY), CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);
        DescriptorIo.SetNonBlocking(handle);
        return handle;
    }

    public void Dispose()
    {
        _stdout.Dispose();
        _stderr.Dispose();
    }
}
