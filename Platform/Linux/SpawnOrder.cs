using System.Globalization;

namespace Kata.Platform.Linux;

/// <summary>The options of the <c>spawn</c> verb, read.</summary>
internal sealed class SpawnOrder
{
    public int StatusDescriptor { get; private set; } = -1;

    public List<string> Cgroups { get; } = [];

    public string? NetworkNamespace { get; private set; }

    public int? OomScoreAdjustment { get; private set; }

    public List<ResourceLimit> Limits { get; } = [];

    public uint[]? Groups { get; private set; }

    public uint? GroupId { get; private set; }

    public uint? UserId { get; private set; }

    public int? ParentDeathSignal { get; private set; }

    public int? Parent { get; private set; }

    public string WorkingDirectory { get; private set; } = "/";

    public string Name { get; private set; } = "";

    public string Program { get; private set; } = "";

    public string[] Arguments { get; private set; } = [];

    /// <summary>Throws <see cref="FormatException"/> for what it does not understand.</summary>
    internal static SpawnOrder Parse(ReadOnlySpan<string> args)
    {
        var order = new SpawnOrder();
        string? name = null;
        var i = 0;
        for (; i < args.Length && args[i] != "--"; i += 2)
        {
            if (i + 1 == args.Length)
                throw new FormatException($"{args[i]} has no value");
            var value = args[i + 1];
            switch (args[i])
            {
                case "--status-fd": order.StatusDescriptor = Integer(value); break;
                case "--cgroup": order.Cgroups.Add(value); break;
                case "--netns": order.NetworkNamespace = value; break;
                case "--oom-score-adj": order.OomScoreAdjustment = Integer(value); break;
                case "--rlimit": order.Limits.Add(Limit(value)); break;
                case "--groups":
                    order.Groups = Array.ConvertAll(
                    value.Split(',', StringSplitOptions.RemoveEmptyEntries), Id); break;
                case "--gid": order.GroupId = Id(value); break;
                case "--uid": order.UserId = Id(value); break;
                case "--pdeathsig": order.ParentDeathSignal = Integer(value); break;
                case "--parent": order.Parent = Integer(value); break;
                case "--cwd": order.WorkingDirectory = value; break;
                case "--name": name = value; break;
                default: throw new FormatException($"unknown option {args[i]}");
            }
        }
        if (i + 1 >= args.Length)
            throw new FormatException("no program after --");
        order.Program = args[i + 1];
        order.Name = name ?? order.Program;
        order.Arguments = args[(i + 2)..].ToArray();
        return order;
    }

    private static int Integer(string value) =>
        int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"not a number: {value}");

    private static uint Id(string value) =>
        uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? id
            : throw new FormatException($"not an id: {value}");

    private static ResourceLimit Limit(string value)
    {
        var parts = value.Split(':');
        return parts.Length == 3
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var resource)
            && ulong.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var soft)
            && ulong.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var hard)
                ? new ResourceLimit((Rlimit)resource, soft, hard)
                : throw new FormatException($"not a limit: {value}");
    }
}
