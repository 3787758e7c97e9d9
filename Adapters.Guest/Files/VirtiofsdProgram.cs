using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Files;

/// <summary>The two daemons of that name; their options differ.</summary>
internal enum VirtiofsdFlavour
{
    /// <summary>The daemon of the virtio-fs project.</summary>
    Rust,

    /// <summary>QEMU's own, up to 7.2.</summary>
    Qemu,
}

/// <summary>An installed virtiofsd.</summary>
/// <param name="Path">The program.</param>
/// <param name="Flavour">Whose it is.</param>
/// <param name="Version">The version that it gives itself; null if it was not asked or is not understood.</param>
internal sealed record VirtiofsdProgram(HostPath Path, VirtiofsdFlavour Flavour, Version? Version = null)
{
    private const string QemuPlace = "/usr/lib/qemu/virtiofsd";
    private const int LongestAnswer = 4096;

    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(5);

    /// <summary>Where ours is installed and where distributions put theirs, the Rust one first.</summary>
    private static readonly string[] UsualPlaces =
    [
        "/usr/local/share/kata-hex/virtiofsd/virtiofsd", "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd",
        "/usr/bin/virtiofsd",
        "/opt/kata/libexec/virtiofsd", QemuPlace,
    ];

    /// <summary>The one that the settings name, else the first that is installed.</summary>
    public static async Task<VirtiofsdProgram> FindAsync(string setting, TimeProvider time, CancellationToken ct)
    {
        var path = setting.Length > 0
            ? File.Exists(setting) ? setting : throw Missing($"virtio_fs_daemon names {setting}, which is missing")
            : UsualPlaces.FirstOrDefault(File.Exists) ?? throw Missing("virtiofsd is not installed");
        var host = HostPath.Parse(path, "virtio_fs_daemon");
        if (IsQemus(path))
            return new VirtiofsdProgram(host, VirtiofsdFlavour.Qemu);
        var answer = await AskAsync(path, time, ct);
        return new VirtiofsdProgram(host, Tell(answer), VersionOf(answer));
    }

    /// <summary>As users are told of it.</summary>
    public FileDaemon Description => new(
        $"{Path} ({(Flavour == VirtiofsdFlavour.Qemu ? "QEMU's" : Version?.ToString() ?? "of unknown version")})",
        VirtiofsdLacks.Of(Flavour, Version));

    /// <summary>Which of the two says this of itself.</summary>
    internal static VirtiofsdFlavour Tell(string answer) =>
        answer.Contains("FUSE kernel interface", StringComparison.Ordinal)
            || answer.Contains("QEMU", StringComparison.Ordinal)
            ? VirtiofsdFlavour.Qemu
            : VirtiofsdFlavour.Rust;

    /// <summary>The first word that is a version.</summary>
    internal static Version? VersionOf(string answer) =>
        answer.Split([' ', '\n'])
            .Select(word => Version.TryParse(word.Split('-')[0], out var version) ? version : null)
            .FirstOrDefault(version => version is not null);

    /// <summary>QEMU's has a directory that the other never goes to; that saves asking.</summary>
    private static bool IsQemus(string path) => path == QemuPlace && new FileInfo(path).LinkTarget is null;

    private static async Task<string> AskAsync(string path, TimeProvider time, CancellationToken ct)
    {
        using var output = Pipe.Create(nonBlockingReader: true);
        try
        {
            await using var process = await ProcessSpawner.SpawnAsync(
                new SpawnRequest
                {
                    Path = path,
                    Arguments = [path, "--version"],
                    StandardOutput = output.Writer,
                    StandardError = output.Writer
                }, ct);
            output.Writer.Dispose();
            using var limit = new CancellationTokenSource(AnswerTime, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
            var buffer = new byte[LongestAnswer];
            var length = 0;
            int read;
            while (length < buffer.Length
                && (read = await DescriptorIo.ReadAsync(output.Reader, buffer.AsMemory(length), either.Token)) > 0)
                length += read;
            return Encoding.UTF8.GetString(buffer, 0, length);
        }
        catch (LinuxException failure)
        {
            throw GuestErrors.Translate(failure, $"running {path}");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new KataException(
                ErrorKind.DeadlineExceeded, $"{path} --version does not end within {AnswerTime.TotalSeconds} s");
        }
    }

    private static KataException Missing(string what) => new(
        ErrorKind.NotFound,
        $"{what}: \"make install\" brings one along, most distributions have one too; "
        + "set virtio_fs_daemon to its path");
}
