using System.Globalization;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Tomlyn.Model;

namespace Kata.Adapters.Shimv2.Configuration;

/// <summary>
/// A pod's annotations that stand for keys of the configuration. Whoever may make pods writes them, so they are taken
/// only if the operator's <c>enable_annotations</c> names them, whole, or if they can only narrow what the operator
/// allows; what is not taken is refused, never passed over.
/// </summary>
internal static class SettingsAnnotations
{
    private const string Prefix = "io.katacontainers.config.";

    private enum Form
    {
        Whole,
        Number,
        Switch,
        Text,
        Words,
        List,
    }

    // Section and name of the annotation, and the key that it stands for.
    private static readonly (string Name, string Key, Form Form)[] Known =
    [
        ("hypervisor.default_vcpus", "default_vcpus", Form.Number),
        ("hypervisor.default_max_vcpus", "default_maxvcpus", Form.Whole),
        ("hypervisor.default_memory", "default_memory", Form.Whole),
        ("hypervisor.memory_slots", "memory_slots", Form.Whole),
        ("hypervisor.kernel_params", "kernel_params", Form.Words),
        ("hypervisor.virtio_fs_cache", "virtio_fs_cache", Form.Text),
        ("hypervisor.virtio_fs_cache_size", "virtio_fs_cache_size", Form.Whole),
        ("hypervisor.disable_vhost_net", "disable_vhost_net", Form.Switch),
        ("hypervisor.network_queues", "network_queues", Form.Whole),
        ("hypervisor.disable_image_nvdimm", "disable_image_nvdimm", Form.Switch),
        ("runtime.sandbox_cgroup_only", "sandbox_cgroup_only", Form.Switch),
        ("runtime.disable_guest_seccomp", "disable_guest_seccomp", Form.Switch),
        ("runtime.internetworking_model", "internetworking_model", Form.Text),
        ("runtime.create_container_timeout", "create_container_timeout", Form.Whole),
        ("agent.kernel_modules", "kernel_modules", Form.List),
    ];

    /// <summary>Writes what the annotations say over the tables; answers which were used.</summary>
    /// <exception cref="KataException">InvalidArgument for one that is not enabled, not known, or nonsense.</exception>
    public static IReadOnlyList<string> Apply(
        string source, IReadOnlyDictionary<string, string> annotations, TomlTable hypervisor, TomlTable runtime,
        TomlTable agent, HostSize host)
    {
        var used = new List<string>();
        foreach (var (annotation,
            value) in annotations.Where(a => a.Key.StartsWith(Prefix, StringComparison.Ordinal)).OrderBy(a => a.Key,
            StringComparer.Ordinal))
        {
            var name = annotation[Prefix.Length..];
            if (Known.FirstOrDefault(known => known.Name == name) is not { Key: { } key } found)
                throw Invalid(annotation, "is not supported by this version; take it out of the pod");
            var last = name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..];
            var table = name[0] switch
            {
                'h' => hypervisor,
                'r' => runtime,
                _ => agent,
            };
            var present = table.TryGetValue(key, out var configured) ? configured : null;
            var wanted = Parse(annotation, value, found.Form, present);
            if (!IsEnabled(hypervisor, last) && !Narrows(key, wanted, present))
                throw Invalid(
                    annotation,
                    $"is not enabled: {source} must name \"{last}\" in enable_annotations of the hypervisor's table");
            table[key] = wanted;
            RequireTheHostHas(host, annotation, key, table[key]);
            used.Add(annotation);
        }

        return used;
    }

    private static object Parse(string annotation, string value, Form form, object? present) => form switch
    {
        Form.Whole =>
            long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var whole)
                ? whole
                : throw Invalid(annotation, $"must be a whole number, not \"{value}\""),
        Form.Number =>
            double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number > 0
            ? number
            : throw Invalid(annotation, $"must be a number above 0, not \"{value}\""),
        Form.Switch => value switch
        {
            "true" => true,
            "false" => false,
            _ => throw Invalid(annotation, $"must be true or false, not \"{value}\""),
        },
        Form.Words => Merge(present as string ?? "", value),
        Form.List => ToArray(value.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)),
        _ => value,
    };

    // Parameters of the same name are replaced, the others kept.
    private static string Merge(string present, string added)
    {
        var words = SettingsWords.Split(added);
        var names = words.Select(NameOf).ToHashSet(StringComparer.Ordinal);
        return string.Join(
            ' ', SettingsWords.Split(present).Where(word => !names.Contains(NameOf(word))).Concat(words));
    }

    private static TomlArray ToArray(string[] words)
    {
        var array = new TomlArray();
        foreach (var word in words)
            array.Add(word);
        return array;
    }

    private static string NameOf(string word) => word.Split('=', 2)[0];

    private static void RequireTheHostHas(HostSize host, string annotation, string key, object value)
    {
        if (key is "default_vcpus" or "default_maxvcpus"
            && Convert.ToDouble(value, CultureInfo.InvariantCulture) > host.Cpus)
            throw Invalid(annotation, $"asks for {value} vCPUs, more than the {host.Cpus} CPUs of the host");
        if (key == "default_memory" && (long)value > host.MemoryMib)
            throw Invalid(annotation, $"asks for {value} MiB, more than the {host.MemoryMib} MiB of the host");
    }

    private static bool Narrows(string key, object wanted, object? present) => key switch
    {
        "disable_guest_seccomp" => wanted is false,
        "create_container_timeout" =>
            (long)wanted <= (present as long? ?? (long)RuntimeSettings.UsualCreateContainerTimeout.TotalSeconds),
        _ => false,
    };

    private static bool IsEnabled(TomlTable hypervisor, string name) =>
        hypervisor.TryGetValue("enable_annotations", out var entries) && entries is TomlArray list
            && list.OfType<string>().Any(entry => Matches(entry, name));

    // An entry is a name, or an expression for whole names. Of expressions only ".*" means anything here: all lists
    // that are shipped do with that, and a whole engine for more would cost every shim memory.
    private static bool Matches(string entry, string name)
    {
        var parts = entry.TrimStart('^').TrimEnd('$').Split(".*");
        if (parts.Length == 1)
            return parts[0] == name;
        if (!name.StartsWith(parts[0], StringComparison.Ordinal) || !name.EndsWith(parts[^1], StringComparison.Ordinal))
            return false;
        var at = parts[0].Length;
        foreach (var part in parts[1..^1])
        {
            var found = name.IndexOf(part, at, StringComparison.Ordinal);
            if (found < 0)
                return false;
            at = found + part.Length;
        }

        return at + parts[^1].Length <= name.Length;
    }

    private static KataException Invalid(string annotation, string why) =>
        new(ErrorKind.InvalidArgument, $"annotation {annotation} {why}");
}
