using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Boot;

/// <summary>
/// Loads the image's modules: what the host reaches us through at once, what every container needs on a thread of its
/// own once somebody has been answered, then the drivers of the NICs that this machine has. Who needs one earlier gets
/// it with what it depends on, out of turn; what nobody needs is never loaded.
/// </summary>
internal sealed class ModuleLoader
{
    private readonly IReadOnlyList<string> _early;
    private readonly IReadOnlyList<string> _late;
    private readonly AgentLog _log;
    private readonly Lock _loading = new();
    private readonly Dictionary<string, string> _paths = new(StringComparer.Ordinal);
    private readonly HashSet<string> _done = new(StringComparer.Ordinal);
    private int _lateStarted;

    public ModuleLoader(
        IReadOnlyList<string> early, IReadOnlyList<string> late, IReadOnlyList<string> demand, AgentLog log)
    {
        _early = early;
        _late = late;
        _log = log;
        foreach (var path in early.Concat(late).Concat(demand))
        {
            _paths[ModuleList.NameOf(path)] = path;
        }
    }

    /// <summary>With the lists of this image; an image without lists has what it needs in its kernel.</summary>
    public static ModuleLoader FromImage(AgentLog log) =>
        new(
            ReadList(ModuleList.EarlyFile), ReadList(ModuleList.LateFile),
            [.. ReadList(ModuleList.DemandFile), .. ReadList(ModuleList.SpareFile)], log);

    public void LoadEarly() => LoadAll(_early);

    /// <summary>Begins loading the rest; only the first call does anything.</summary>
    public void StartLate()
    {
        if (_late.Count > 0 && Interlocked.Exchange(ref _lateStarted, 1) == 0)
        {
            new Thread(LoadLate, 256 * 1024) { IsBackground = true, Name = "late modules" }.Start();
        }
    }

    /// <summary>Loads the drivers of the virtio devices that are there now.</summary>
    public void LoadForDevices()
    {
        foreach (var module in VirtioDevices.Modules())
        {
            try
            {
                Require(module);
            }
            catch (IOException e)
            {
                _log.Warning($"module {module}: {e.Message}");
            }
        }
    }

    /// <summary>Returns when the module is there: loaded, or none of this image, and so part of the kernel.</summary>
    /// <param name="mustExist">Refuses a name that neither the image nor the kernel has.</param>
    public void Require(string name, string parameters = "", bool mustExist = false)
    {
        var kernelName = name.Replace('-', '_');
        lock (_loading)
        {
            if (_paths.ContainsKey(kernelName))
            {
                LoadWithDependencies(kernelName, parameters);
            }
            else if (mustExist && !Directory.Exists($"/sys/module/{kernelName}"))
            {
                throw AgentRefusals.Internal($"kernel module '{name}' is not in this guest image");
            }
        }
    }

    private static IReadOnlyList<string> ReadList(string file) =>
        File.Exists(file) ? ModuleList.Parse(File.ReadAllText(file)) : [];

    private void LoadLate()
    {
        LoadAll(_late);
        LoadForDevices();
    }

    private void LoadAll(IReadOnlyList<string> paths)
    {
        foreach (var path in paths)
        {
            try
            {
                // One at a time under the lock, so that a module that is needed now waits for one other at most.
                lock (_loading)
                {
                    LoadOnce(ModuleList.NameOf(path), path, "");
                }
            }
            catch (IOException e)
            {
                _log.Warning($"module {path}: {e.Message}");
            }
        }
    }

    private void LoadWithDependencies(string name, string parameters)
    {
        if (_done.Contains(name) || !_paths.TryGetValue(name, out var path))
        {
            return;
        }

        using var module = ModuleFile.Open(path);
        foreach (var dependency in ModuleList.DependenciesOf(module.ReadAll()))
        {
            LoadWithDependencies(dependency, "");
        }

        KernelModules.Load(module.Handle, path, parameters);
        _done.Add(name);
    }

    private void LoadOnce(string name, string path, string parameters)
    {
        if (!_done.Contains(name))
        {
            KernelModules.Load(path, parameters);
            _done.Add(name);
        }
    }
}
