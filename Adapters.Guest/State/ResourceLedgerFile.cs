using System.Text;
using System.Text.Json;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Guest.State;

/// <summary>
/// A ledger as lines of JSON behind a header, one write each: it must outlive this process, not a power cut. A line that is
/// torn at the end is one that was never acted on.
/// </summary>
internal sealed class ResourceLedgerFile : IResourceLedger, IDisposable
{
    /// <summary>Its name in a state directory.</summary>
    public const string FileName = "ledger";

    // A sandbox holds some dozens of things; a file beyond this was not written by us.
    private const int MaxBytes = 16 * 1024 * 1024;

    private readonly Lock _lock = new();
    private readonly ResourceList _held;
    private readonly SafeFileHandle _file;
    private readonly string _path;

    private ResourceLedgerFile(string path, SafeFileHandle file, ResourceList held)
    {
        _path = path;
        _file = file;
        _held = held;
    }

    /// <summary>Begins an empty ledger.</summary>
    public static ResourceLedgerFile Create(string path, StateHeader header)
    {
        try
        {
            File.Delete(path);
            var file = AtomicFile.OpenAppend(path);
            DescriptorIo.Append(file, Line(JsonSerializer.SerializeToUtf8Bytes(header, StateJson.Default.StateHeader)));
            return new ResourceLedgerFile(path, file, new ResourceList());
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"writing the ledger {path}");
        }
    }

    /// <summary>Opens what another process left; null if the file is missing, or torn before its first line ends.</summary>
    public static (ResourceLedgerFile Ledger, StateHeader Header)? TryOpen(string path) =>
        TryRead(path) is { } left ? (new ResourceLedgerFile(path, AtomicFile.OpenAppend(path), left.Held), left.Header) : null;

    /// <summary>What another process's ledger holds, unchanged; null as with <see cref="TryOpen"/>.</summary>
    public static ResourceList? TryReadHeld(string path) => TryRead(path)?.Held;

    /// <summary>What the ledgers of all sandboxes on this host hold of a kind; one that cannot be read is passed over.</summary>
    public static IReadOnlySet<string> HeldByAnybody(ResourceKind kind)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        if (!Directory.Exists(SandboxPaths.StateRoot))
            return names;
        foreach (var directory in Directory.EnumerateDirectories(SandboxPaths.StateRoot))
        {
            try
            {
                names.UnionWith(TryRead($"{directory}/{FileName}")?.Held.Held.Where(held => held.Kind == kind).Select(held => held.Name) ?? []);
            }
            catch (Exception e) when (e is IOException or KataException)
            {
                // Its sandbox has just ended, or it is of a newer version.
            }
        }

        return names;
    }

    public void Record(AcquiredResource resource)
    {
        lock (_lock)
        {
            Append(resource, released: false);
            _held.Record(resource);
        }
    }

    public void Forget(AcquiredResource resource)
    {
        lock (_lock)
        {
            _held.Forget(resource);
            try
            {
                Append(resource, released: true);
            }
            catch (KataException)
            {
                // Whoever reads the ledger later finds the thing already gone, which is success.
            }
        }
    }

    public ResourceList Read()
    {
        lock (_lock)
        {
            var copy = new ResourceList();
            foreach (var resource in _held.Held)
                copy.Record(resource);
            return copy;
        }
    }

    public void Dispose() => _file.Dispose();

    private void Append(AcquiredResource resource, bool released)
    {
        var entry = new LedgerEntry(resource.Kind.ToString(), resource.Name)
        {
            Released = released,
            Owner = resource.Owner?.Value,
            Pid = resource.ProcessId,
            StartTime = resource.StartTime,
        };
        try
        {
            DescriptorIo.Append(_file, Line(JsonSerializer.SerializeToUtf8Bytes(entry, StateJson.Default.LedgerEntry)));
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"writing the ledger {_path}");
        }
    }

    private static (ResourceList Held, StateHeader Header)? TryRead(string path)
    {
        if (!File.Exists(path))
            return null;
        if (new FileInfo(path).Length > MaxBytes)
            throw new KataException(ErrorKind.Internal, $"the ledger {path} is larger than {MaxBytes} bytes; it was not written by this program");

        var lines = Encoding.UTF8.GetString(File.ReadAllBytes(path)).Split('\n');
        if (lines.Length < 2 || TryParse(lines[0], StateJson.Default.StateHeader) is not { } header)
            return null;
        if (header.Version > StateHeader.Current)
            throw new KataException(ErrorKind.FailedPrecondition, $"the ledger {path} has format {header.Version}, newer than {StateHeader.Current}: use the version that wrote it");

        var held = new ResourceList();
        foreach (var line in lines.AsSpan(1, lines.Length - 2))
            Apply(line, held);
        return (held, header);
    }

    private static void Apply(string line, ResourceList held)
    {
        // A kind that is not known is from a newer version of the same format: it is left alone, as we cannot release it.
        if (TryParse(line, StateJson.Default.LedgerEntry) is not { } entry || !Enum.TryParse<ResourceKind>(entry.Kind, out var kind))
            return;
        var resource = new AcquiredResource(kind, entry.Name)
        {
            Owner = entry.Owner is null ? null : ContainerId.Parse(entry.Owner),
            ProcessId = entry.Pid,
            StartTime = entry.StartTime,
        };
        if (entry.Released)
            held.Forget(resource);
        else
            held.Record(resource);
    }

    private static T? TryParse<T>(string line, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(line, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static byte[] Line(byte[] json)
    {
        Array.Resize(ref json, json.Length + 1);
        json[^1] = (byte)'\n';
        return json;
    }
}
