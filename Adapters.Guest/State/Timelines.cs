using System.Text.Json;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Adapters.Guest.State;

/// <summary>Timelines as <see cref="TimelineFile"/> writes them.</summary>
internal sealed class Timelines : ITimelines
{
    /// <summary>Where they are.</summary>
    internal Func<SandboxId, string> Place { get; init; } = id => $"{SandboxPaths.State(id)}/{TimelineFile.FileName}";

    public async Task<IReadOnlyList<TimelineLine>?> ReadAsync(SandboxId id, CancellationToken ct)
    {
        try
        {
            return [.. (await File.ReadAllLinesAsync(Place(id), ct)).Select(Parse).OfType<TimelineLine>()];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new KataException(ErrorKind.PermissionDenied, $"only root may read the timeline of sandbox {id}", e);
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"reading the timeline of sandbox {id}");
        }
    }

    private static TimelineLine? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, StateJson.Default.TimelineEntry) is { Phase: { } phase } entry
                ? new TimelineLine(
                    entry.Container ?? "", phase, entry.Event == "end", TimeSpan.FromMilliseconds(entry.Ms))
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
