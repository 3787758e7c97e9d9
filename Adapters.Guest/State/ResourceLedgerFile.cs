using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.State;

/// <summary>
/// A ledger as lines of JSON behind a header, one write each: it must outlive this process, not a power cut. A line
/// that is torn is one that was never acted on. When many lines tell of what has been given back, the file is written
/// anew, so that it stays small however long its sandbox lives.
/// </summary>
internal sealed class ResourceLedgerFile : IResourceLedger, IDisposable
{
    /// <summary>Its name in a state directory.</summary>
    public const string FileName = "ledger";

    // Some lives of a container's; to write them anew costs about as much as a few lines.
    private const int MaxDeadLines = 128;

    private readonly Lock _lock = new();
    private readonly ResourceList _held;
    private readonly StateHeader _header;
    private readonly string _path;
    private StateLines _file;
    private int _lines;

    private ResourceLedgerFile(string path, StateHeader header, StateLines file, ResourceList held, int lines)
    {
        _path = path;
        _header = header;
        _file = file;
        _held = held;
        _lines = lines;
    }

    /// <summary>Begins an empty ledger.</summary>
    public static ResourceLedgerFile Create(string path, StateHeader header)
    {
        try
        {
            var held = new ResourceList();
            return new ResourceLedgerFile(path, header, Rewrite(path, header, held), held, 0);
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"writing the ledger {path}");
        }
    }

    /// <summary>Opens what another process left; null if the file is missing, or torn in its first line.</summary>
    public static (ResourceLedgerFile Ledger, StateHeader Header)? TryOpen(string path) => TryRead(path) is { } left
        ? (new ResourceLedgerFile(
            path, left.Header, new StateLines(AtomicFile.OpenAppend(path), torn: true), left.Held,
            left.Lines), left.Header)
        : null;

    /// <summary>What another process's ledger holds, unchanged; null as with <see cref="TryOpen"/>.</summary>
    public static ResourceList? TryReadHeld(string path) => TryRead(path)?.Held;

    /// <summary>
    /// What the ledgers of all sandboxes on this host hold of a kind; one that cannot be read is passed over.
    /// </summary>
    public static IReadOnlySet<string> HeldByAnybody(ResourceKind kind)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        if (!Directory.Exists(SandboxPaths.StateRoot))
            return names;
        foreach (var directory in Directory.EnumerateDirectories(SandboxPaths.StateRoot))
        {
            try
            {
                names.UnionWith(TryRead($"{directory}/{FileName}", kind)?.Held.Held.Select(held => held.Name) ?? []);
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
            CompactIfDue();
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

            CompactIfDue();
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
        try
        {
            _file.Append(Line(resource, released));
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"writing the ledger {_path}");
        }
        finally
        {
            _lines++;
        }
    }

    private void CompactIfDue()
    {
        if (_lines - _held.Held.Count < MaxDeadLines)
            return;
        try
        {
            var anew = Rewrite(_path, _header, _held);
            _file.Dispose();
            _file = anew;
        }
        catch (IOException)
        {
            // It is whole as it is, only longer than it need be; after as many more lines it is tried again.
        }

        _lines = _held.Held.Count;
    }

    private static StateLines Rewrite(string path, StateHeader header, ResourceList held)
    {
        IEnumerable<byte> bytes = StateLines.Line(header, StateJson.Default.StateHeader);
        foreach (var resource in held.Held)
            bytes = bytes.Concat(Line(resource, released: false));
        return new StateLines(AtomicFile.WriteAndAppend(path, bytes.ToArray()));
    }

    private static byte[] Line(AcquiredResource resource, bool released) => StateLines.Line(
        new LedgerEntry(resource.Kind.ToString(), resource.Name)
        {
            Released = released,
            Owner = resource.Owner?.Value,
            Pid = resource.ProcessId,
            StartTime = resource.StartTime,
        },
        StateJson.Default.LedgerEntry);

    // With a kind, lines of others are not even parsed: a pod's start looks into the ledgers of all the others.
    private static (ResourceList Held, StateHeader Header, int Lines)? TryRead(string path, ResourceKind? only = null)
    {
        if (!File.Exists(path))
            return null;
        using var lines = File.ReadLines(path).GetEnumerator();
        if (!lines.MoveNext() || StateLines.TryParse(lines.Current, StateJson.Default.StateHeader) is not { } header)
            return null;
        if (header.Version > StateHeader.Current)
            throw new KataException(
                ErrorKind.FailedPrecondition,
                $"the ledger {path} has format {header.Version}, newer than {StateHeader.Current}: "
                + "use the version that wrote it");

        var held = new ResourceList();
        var word = only is null ? "" : $"\"{only}\"";
        var count = 0;
        for (; lines.MoveNext(); count++)
        {
            if (lines.Current.Contains(word, StringComparison.Ordinal))
                Apply(lines.Current, held, only);
        }

        return (held, header, count);
    }

    private static void Apply(string line, ResourceList held, ResourceKind? only)
    {
        // A kind that is not known is from a newer version of the same format: it is left alone, as we cannot release
        // it.
        if (StateLines.TryParse(line, StateJson.Default.LedgerEntry) is not { } entry
            || !Enum.TryParse<ResourceKind>(entry.Kind, out var kind)
            || (only is not null && kind != only))
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
}
