using System.Globalization;
using System.Text;

namespace Kata.Tests.EndToEnd.Containerd;

/// <summary>
/// The configuration.toml that the shim under test reads. One file for the whole run, rewritten for the tests that
/// need another one: the daemon's environment, which names it, cannot change under a running daemon.
/// </summary>
internal sealed class KataConfiguration
{
    private readonly string _path;
    private readonly Dictionary<string, SortedDictionary<string, string>> _tables;

    public KataConfiguration(string path)
    {
        _path = path;
        _tables = Default();
        Write(_tables);
    }

    public string Path => _path;

    /// <summary>
    /// Sets keys until the result is disposed of. Values are written as TOML: quote strings with <see cref="Text"/>.
    /// </summary>
    public IDisposable With(params (string Table, string Key, string Value)[] changes)
    {
        var changed = _tables.ToDictionary(t => t.Key, t => new SortedDictionary<string, string>(t.Value));
        foreach (var (table, key, value) in changes)
        {
            if (!changed.TryGetValue(table, out var keys))
                changed[table] = keys = [];
            keys[key] = value;
        }

        Write(changed);
        return new Restore(() => Write(_tables));
    }

    public static string Text(string value) => $"\"{value}\"";

    /// <summary>The file daemon under test.</summary>
    public static string Virtiofsd() => TestSettings.FileDaemon;

    private static Dictionary<string, SortedDictionary<string, string>> Default() => new()
    {
        ["hypervisor.qemu"] = new()
        {
            ["path"] = Text("/usr/bin/qemu-system-x86_64"),
            ["kernel"] = Text(System.IO.Path.Combine(TestSettings.GuestDirectory, "vmlinux")),
            ["initrd"] = Text(System.IO.Path.Combine(TestSettings.GuestDirectory, "initrd.img")),
            ["machine_type"] = Text("q35"),
            ["default_vcpus"] = "1",
            ["default_memory"] = "512",
            ["shared_fs"] = Text("virtio-fs"),
            ["virtio_fs_daemon"] = Text(Virtiofsd()),
        },
        ["agent.kata"] = new() { ["dial_timeout"] = "45" },
        ["runtime"] = new() { ["create_container_timeout"] = "60" },
    };

    private void Write(Dictionary<string, SortedDictionary<string, string>> tables)
    {
        var text = new StringBuilder();
        foreach (var (table, keys) in tables)
        {
            text.Append(CultureInfo.InvariantCulture, $"[{table}]\n");
            foreach (var (key, value) in keys)
                text.Append(CultureInfo.InvariantCulture, $"{key} = {value}\n");
            text.Append('\n');
        }

        var next = _path + ".next";
        File.WriteAllText(next, text.ToString());
        File.Move(next, _path, overwrite: true);
    }

    private sealed class Restore(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
