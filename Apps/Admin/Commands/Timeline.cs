using System.Globalization;
using Kata.Core.Application.Administration;

namespace Kata.Apps.Admin.Commands;

/// <summary>A sandbox's timeline as bars: one picture for each container.</summary>
internal static class Timeline
{
    private const int Width = 50;

    /// <summary>The pictures, line by line.</summary>
    public static IEnumerable<string> Draw(IEnumerable<CreationTimeline> creations)
    {
        foreach (var creation in creations)
        {
            if (creation.Container.Length > 0)
                yield return $"container {creation.Container}";
            var end = Math.Max(1, creation.Phases.Select(phase => phase.End.TotalMilliseconds).DefaultIfEmpty().Max());
            foreach (var phase in creation.Phases)
            {
                var took = (phase.End - phase.Begin).TotalMilliseconds;
                var from = (int)(phase.Begin.TotalMilliseconds / end * Width);
                var length = Math.Max(1, (int)(took / end * Width));
                var bar = new string(' ', from) + new string('#', length);
                yield return string.Create(
                    CultureInfo.InvariantCulture, $"{phase.Name,-16} {bar.PadRight(Width)} {took,9:0.0} ms");
            }
        }
    }
}
