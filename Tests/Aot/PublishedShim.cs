using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Kata.Tests.Aot;

/// <summary>The native binary as users get it, and a bundle to run it in.</summary>
internal sealed class PublishedShim : IDisposable
{
    /// <summary>A namespace that no daemon has.</summary>
    public const string Namespace = "kata-hex-aot";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    /// <summary>Where the binaries are; another place can be named by the environment.</summary>
    public static string Directory { get; } = Environment.GetEnvironmentVariable("KATA_PUBLISH") is { Length: > 0 } told
        ? told
        : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "artifacts", "publish"));

    public static string Binary => Path.Combine(Directory, "containerd-shim-kata-v2");

    /// <summary>A bundle directory with an empty specification.</summary>
    public string Bundle { get; } = System.IO.Directory.CreateTempSubdirectory("bundle").FullName;

    /// <summary>An id of its own, so that tests do not meet on a socket.</summary>
    public string Id { get; } = "aot-" + Guid.NewGuid().ToString("N")[..12];

    /// <summary>The server, once <c>start</c> has made it.</summary>
    public int ServerPid => int.Parse(File.ReadAllText(Path.Combine(Bundle, "shim.pid")));

    /// <summary>What the server has in memory, its file's pages and those of libraries among it.</summary>
    public int ServerResidentKilobytes => int.Parse(
        File.ReadLines($"/proc/{ServerPid}/smaps_rollup").Single(line => line.StartsWith("Rss:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    /// <summary>Runs the binary to its end, in the bundle.</summary>
    public async Task<(int Code, byte[] Output, string Error)> RunAsync(byte[] input, params string[] arguments)
    {
        var start = new ProcessStartInfo(Binary)
        {
            WorkingDirectory = Bundle,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        // A test must not send events to a daemon of the host.
        start.Environment.Remove("TTRPC_ADDRESS");
        using var process = Process.Start(start)!;
        var output = new MemoryStream();
        var reading = process.StandardOutput.BaseStream.CopyToAsync(output);
        var error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.BaseStream.WriteAsync(input);
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(Limit);
        await process.WaitForExitAsync(limit.Token);
        await reading;
        return (process.ExitCode, output.ToArray(), await error);
    }

    /// <summary>The flags of every call, then those given.</summary>
    public string[] Line(params string[] rest) =>
        ["-namespace", Namespace, "-address", Path.Combine(Bundle, "containerd.sock"), "-publish-binary", "/bin/true",
            "-id", Id, .. rest];

    public void Dispose()
    {
        if (File.Exists(Path.Combine(Bundle, "shim.pid")) && Find(ServerPid) is { } server)
        {
            using (server)
                server.Kill();
        }

        System.IO.Directory.Delete(Bundle, recursive: true);
    }

    /// <summary>The server while it lives; null once it is gone.</summary>
    public static Process? Find(int pid)
    {
        try
        {
            var process = Process.GetProcessById(pid);
            return process.HasExited ? null : process;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
