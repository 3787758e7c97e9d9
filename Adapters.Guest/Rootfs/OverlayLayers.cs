using System.Text;
using Kata.Core.Domain;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Rootfs;

/// <summary>The layers of an overlay, taken out of its mount options.</summary>
internal sealed record OverlayLayers(
    IReadOnlyList<string> Lower, string? Upper, string? Work, MountFlags Flags, IReadOnlyList<string> Others)
{
    private const string LowerKey = "lowerdir=";
    private const string UpperKey = "upperdir=";
    private const string WorkKey = "workdir=";

    /// <summary>
    /// The layers, or an InvalidArgument failure if there is no lower one or only half of a writable one.
    /// </summary>
    public static OverlayLayers Parse(IReadOnlyList<string> options)
    {
        var lower = Value(options, LowerKey) is { } list ? SplitLayers(list) : [];
        var upper = Value(options, UpperKey);
        var work = Value(options, WorkKey);
        if (lower.Count == 0)
            throw new KataException(ErrorKind.InvalidArgument, "an overlay root has no lowerdir");
        if (upper is null != work is null)
            throw new KataException(
                ErrorKind.InvalidArgument, "an overlay root has one of upperdir and workdir, but not both");

        var rest = MountOptions.Parse(options.Where(o => !IsLayer(o)));
        return new OverlayLayers(
            lower, upper is null ? null : Unescape(upper), work is null ? null : Unescape(work), rest.Flags,
            rest.Data.Length == 0 ? [] : rest.Data.Split(','));
    }

    private static bool IsLayer(string option) =>
        option.StartsWith(LowerKey, StringComparison.Ordinal)
        || option.StartsWith(UpperKey, StringComparison.Ordinal)
        || option.StartsWith(WorkKey, StringComparison.Ordinal);

    private static string? Value(IReadOnlyList<string> options, string key) =>
        options.LastOrDefault(o => o.StartsWith(key, StringComparison.Ordinal))?[key.Length..];

    // A colon separates; one that is part of a name has a backslash before it.
    private static List<string> SplitLayers(string list)
    {
        var layers = new List<string>();
        var current = new StringBuilder();
        for (var i = 0; i < list.Length; i++)
        {
            if (list[i] == '\\' && i + 1 < list.Length)
                current.Append(list[++i]);
            else if (list[i] == ':')
                Take();
            else
                current.Append(list[i]);
        }

        Take();
        return layers;

        void Take()
        {
            if (current.Length > 0)
                layers.Add(current.ToString());
            current.Clear();
        }
    }

    private static string Unescape(string path) => path.Replace("\\", "", StringComparison.Ordinal);
}
