using System.Text;
using Kata.Adapters.Shimv2.Logging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Networking;
using Kata.Platform.Linux;
using Microsoft.Extensions.Logging;
using Tomlyn;
using Tomlyn.Model;

namespace Kata.Adapters.Shimv2.Configuration;

/// <summary>
/// Reads <c>configuration.toml</c>, with upstream's key names for all that exists here. What it says of the shim's own
/// log holds from then on.
/// </summary>
internal sealed class SettingsReader(
    ConfigSearchPath places, IEnumerable<IHypervisorSection> hypervisors, ILogger<SettingsReader> log,
    ContainerdLog? shimLog = null) : ISettingsSource
{
    private const int MaxBytes = 1024 * 1024;

    public async Task<RuntimeSettings> ReadAsync(
        RuntimeOptions? options, IReadOnlyDictionary<string, string> annotations, CancellationToken ct)
    {
        var (source, text) = options is { ConfigPath: null, ConfigBody: { } body }
            ? ("the options' config_body", Decode("the options' config_body", body.Span))
            : await ReadFileAsync(places.Find(options?.ConfigPath), ct);
        var settings = Parse(source, text, [.. hypervisors], annotations);
        if (settings.Debug && shimLog is not null)
            shimLog.Debug = true;
        SettingsLog.Read(log, source);
        return settings;
    }

    /// <summary>The settings in a text; <paramref name="source"/> is for messages.</summary>
    internal static RuntimeSettings Parse(
        string source, string text, IReadOnlyList<IHypervisorSection> hypervisors,
        IReadOnlyDictionary<string, string>? annotations = null)
    {
        var host = new HostSize(
            Environment.ProcessorCount, (int)Math.Min(Machine.Info().TotalMemory >> 20, int.MaxValue));
        TomlTable root;
        try
        {
            root = TomlSerializer.Deserialize(text, SettingsModel.Default.TomlTable) ?? [];
        }
        catch (TomlException e)
        {
            throw new KataException(ErrorKind.InvalidArgument, $"{source} is not valid TOML: {e.Message}", e);
        }

        var top = new SettingsSection(source, "", root);
        var runtimeTable = top.Table("runtime") ?? [];
        var hypervisorTables = top.Table("hypervisor") ?? [];
        var agentTables = top.Table("agent") ?? [];
        RefuseFactory(source, top.Table("factory") ?? []);
        // Read by no runtime of this generation.
        top.Ignore("image", "netmon", "shim", "proxy");
        top.Finish();

        var runtime = new SettingsSection(source, "runtime", runtimeTable);
        var wanted = runtime.Text("hypervisor_name", "");
        source = Annotate(source, annotations, hypervisorTables, wanted, runtimeTable, agentTables, host);
        runtime = new SettingsSection(source, "runtime", runtimeTable);
        runtime.Ignore("hypervisor_name");
        return ReadRuntime(
            source, runtime, ReadHypervisor(source, hypervisorTables, wanted, hypervisors, host),
            ReadAgent(source, agentTables));
    }

    /// <summary>Writes a pod's annotations over the tables and answers how the result is called in messages.</summary>
    private static string Annotate(
        string source, IReadOnlyDictionary<string, string>? annotations, TomlTable hypervisors, string wanted,
        TomlTable runtime, TomlTable agents, HostSize host)
    {
        if (annotations is null || (wanted.Length > 0 ? wanted : hypervisors.Keys.FirstOrDefault()) is not { } name
            || !hypervisors.TryGetValue(name, out var found) || found is not TomlTable hypervisor)
            return source;
        if (!agents.TryGetValue("kata", out var agent))
            agents["kata"] = agent = new TomlTable();
        var used = SettingsAnnotations.Apply(
            source, annotations, hypervisor, runtime, agent as TomlTable ?? [], host);
        return used.Count == 0
            ? source
            : $"{source} with {(used.Count == 1 ? "annotation" : "annotations")} {string.Join(", ", used)}";
    }

    private static HypervisorSettings ReadHypervisor(
        string source, TomlTable tables, string wanted, IReadOnlyList<IHypervisorSection> hypervisors, HostSize host)
    {
        if (tables.Keys.FirstOrDefault(key => hypervisors.All(known => known.Name != key)) is { } other)
            throw new KataException(
                ErrorKind.InvalidArgument,
                $"{source}: hypervisor.{other} is not supported by this version; "
                + $"use {string.Join(" or ", hypervisors.Select(known => known.Name))}");

        var names = wanted.Length > 0 ? [wanted] : tables.Keys.ToArray();
        if (names is not [var name] || new SettingsSection(source, "hypervisor", tables).Table(name) is not { } table)
            throw new KataException(
                ErrorKind.InvalidArgument,
                $"{source}: there must be one table [hypervisor.NAME], or runtime.hypervisor_name must name one");

        var section = new SettingsSection(source, $"hypervisor.{name}", table);
        var settings = hypervisors.First(known => known.Name == name).Read(section, host);
        section.Finish();
        return settings;
    }

    private static GuestSettings ReadAgent(string source, TomlTable tables)
    {
        var agents = new SettingsSection(source, "agent", tables);
        var table = agents.Table("kata") ?? [];
        agents.Finish();

        var section = new SettingsSection(source, "agent.kata", table);
        var defaults = new GuestSettings();
        var settings = new GuestSettings
        {
            DialTimeout = section.Seconds("dial_timeout", defaults.DialTimeout),
            KernelModules = section.Texts("kernel_modules"),
            DebugConsole = section.Switch("debug_console_enabled", defaults.DebugConsole),
            Debug = section.Switch("enable_debug", defaults.Debug),
        };
        // Times of guest components that a guest of ours does not have.
        section.Ignore("cdh_api_timeout", "launch_process_timeout", "log_level");
        section.RequireDisabled(false, "enable_tracing");
        section.RequireDisabled(false, "visible_cdi_devices");
        section.RequireDisabled(0L, "container_pipe_size");
        section.RequireDisabled("", "policy");
        section.Finish();
        return settings;
    }

    private static RuntimeSettings ReadRuntime(
        string source, SettingsSection section, HypervisorSettings hypervisor, GuestSettings guest)
    {
        var defaults = new RuntimeSettings { Hypervisor = hypervisor };
        var settings = new RuntimeSettings
        {
            Source = source,
            Hypervisor = hypervisor,
            Guest = guest,
            SandboxCgroupOnly = section.Switch("sandbox_cgroup_only", defaults.SandboxCgroupOnly),
            StaticSandboxResources = section.Switch("static_sandbox_resource_mgmt", defaults.StaticSandboxResources),
            DisableGuestSeccomp = section.Switch("disable_guest_seccomp", defaults.DisableGuestSeccomp),
            Interworking = section.Choice(
                "internetworking_model",
                defaults.Interworking,
                ("tcfilter", InterworkingModel.TcFilter), ("default", InterworkingModel.TcFilter),
                ("", InterworkingModel.TcFilter),
                ("macvtap", InterworkingModel.MacVtap), ("none", InterworkingModel.None)),
            DisableGuestEmptyDir = section.Switch("disable_guest_empty_dir", defaults.DisableGuestEmptyDir),
            Debug = section.Switch("enable_debug", defaults.Debug),
            CreateContainerTimeout = section.Seconds("create_container_timeout", defaults.CreateContainerTimeout),
        };
        section.RequireDisabled("virt_container", "name");
        section.RequireDisabled("kata", "agent_name");
        section.Ignore(
            "log_level", "vfio_mode", "jaeger_endpoint", "jaeger_user", "jaeger_password", "dan_conf",
            "kubelet_root_dir");
        section.RequireOneOf("emptydir_mode", "shared-fs", "");
        section.RequireDisabled(
            false,
            "disable_new_netns", "enable_vcpus_pinning", "experimental_force_guest_pull", "enable_pprof",
            "enable_tracing", "keep_abnormal", "use_passfd_io");
        section.RequireDisabled(
            "",
            "guest_selinux_label", "pod_resource_api_sock", "sandbox_bind_mounts", "experimental", "shared_mounts");
        section.Finish();
        return settings;
    }

    private static void RefuseFactory(string source, TomlTable table)
    {
        var section = new SettingsSection(source, "factory", table);
        section.Ignore("template_path", "vm_cache_endpoint");
        section.RequireDisabled(false, "enable_template");
        section.RequireDisabled(0L, "vm_cache_number");
        section.Finish();
    }

    private static async Task<(string Source, string Text)> ReadFileAsync(string path, CancellationToken ct)
    {
        try
        {
            await using var file = new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 1);
            if (file.Length > MaxBytes)
                throw new KataException(
                    ErrorKind.InvalidArgument, $"the configuration {path} is larger than {MaxBytes} bytes");
            var bytes = new byte[file.Length];
            var count = await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, ct);
            return (path, Decode(path, bytes.AsSpan(0, count)));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new KataException(ErrorKind.InvalidArgument, $"the configuration {path} does not exist", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KataException(
                ErrorKind.InvalidArgument, $"the configuration {path} cannot be read: {e.Message}", e);
        }
    }

    private static string Decode(string source, ReadOnlySpan<byte> bytes)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new KataException(ErrorKind.InvalidArgument, $"{source} is not valid UTF-8", e);
        }
    }
}
