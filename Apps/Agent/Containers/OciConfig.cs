using System.Buffers;
using System.Text.Json;
using Google.Protobuf.Collections;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Containers;

/// <summary>
/// Writes the wire's spec as the JSON that crun reads. Zero means "not set" on the wire, so it is left out here;
/// <see cref="GuestSpec"/> has made the choices of the guest before.
/// </summary>
internal static class OciConfig
{
    // What is written below is all of this version. The wire's own says which one the container manager speaks, and crun refuses
    // those that are newer than itself.
    private const string Version = "1.0.2";

    // A spec without limits, as CRI's are, counts on those of the container manager's service, which are wide; those of a
    // kernel's first process are not.
    private static readonly Oci.POSIXRlimit[] UsualLimits =
    [
        new() { Type = "RLIMIT_NOFILE", Hard = 1 << 20, Soft = 1 << 20 },
        new() { Type = "RLIMIT_NPROC", Hard = ulong.MaxValue, Soft = ulong.MaxValue },
    ];

    public static ReadOnlyMemory<byte> Write(Oci.Spec spec, IReadOnlyList<DeviceRule> rules)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("ociVersion", Version);
            json.WritePropertyName("process");
            WriteProcess(json, spec.Process);
            json.WriteStartObject("root");
            json.WriteString("path", spec.Root.Path);
            json.WriteBoolean("readonly", spec.Root.Readonly);
            json.WriteEndObject();
            WriteText(json, "hostname", spec.Hostname);
            WriteMounts(json, spec.Mounts);
            if (spec.Hooks is { } hooks)
            {
                WriteHooks(json, hooks);
            }

            WriteMap(json, "annotations", spec.Annotations);
            json.WritePropertyName("linux");
            WriteLinux(json, spec.Linux, rules);
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    /// <summary>A process alone, as <c>crun exec --process</c> wants it.</summary>
    public static ReadOnlyMemory<byte> Write(Oci.Process process)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            WriteProcess(json, process);
        }

        return buffer.WrittenMemory;
    }

    private static void WriteProcess(Utf8JsonWriter json, Oci.Process process)
    {
        json.WriteStartObject();
        json.WriteBoolean("terminal", process.Terminal);
        if (process.ConsoleSize is { Height: > 0, Width: > 0 } size)
        {
            json.WriteStartObject("consoleSize");
            json.WriteNumber("height", size.Height);
            json.WriteNumber("width", size.Width);
            json.WriteEndObject();
        }

        json.WriteStartObject("user");
        json.WriteNumber("uid", process.User?.UID ?? 0);
        json.WriteNumber("gid", process.User?.GID ?? 0);
        if (process.User is { AdditionalGids.Count: > 0 } user)
        {
            json.WriteStartArray("additionalGids");
            foreach (var group in user.AdditionalGids)
            {
                json.WriteNumberValue(group);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
        WriteTexts(json, "args", process.Args);
        WriteTexts(json, "env", process.Env);
        json.WriteString("cwd", process.Cwd.Length > 0 ? process.Cwd : "/");
        if (process.Capabilities is { } capabilities)
        {
            json.WriteStartObject("capabilities");
            WriteTexts(json, "bounding", capabilities.Bounding);
            WriteTexts(json, "effective", capabilities.Effective);
            WriteTexts(json, "inheritable", capabilities.Inheritable);
            WriteTexts(json, "permitted", capabilities.Permitted);
            WriteTexts(json, "ambient", capabilities.Ambient);
            json.WriteEndObject();
        }

        json.WriteStartArray("rlimits");
        foreach (var limit in process.Rlimits.Count > 0 ? process.Rlimits : UsualLimits.AsEnumerable())
        {
            json.WriteStartObject();
            json.WriteString("type", limit.Type);
            json.WriteNumber("hard", limit.Hard);
            json.WriteNumber("soft", limit.Soft);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("noNewPrivileges", process.NoNewPrivileges);
        WriteNonZero(json, "oomScoreAdj", process.OOMScoreAdj);
        WriteText(json, "selinuxLabel", process.SelinuxLabel);
        json.WriteEndObject();
    }

    private static void WriteMounts(Utf8JsonWriter json, IEnumerable<Oci.Mount> mounts)
    {
        json.WriteStartArray("mounts");
        foreach (var mount in mounts)
        {
            json.WriteStartObject();
            json.WriteString("destination", mount.Destination);
            WriteText(json, "source", mount.Source);
            WriteText(json, "type", mount.Type);
            WriteTexts(json, "options", mount.Options);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteHooks(Utf8JsonWriter json, Oci.Hooks hooks)
    {
        json.WriteStartObject("hooks");
        WriteHookList(json, "prestart", hooks.Prestart);
        WriteHookList(json, "createRuntime", hooks.CreateRuntime);
        WriteHookList(json, "createContainer", hooks.CreateContainer);
        WriteHookList(json, "startContainer", hooks.StartContainer);
        WriteHookList(json, "poststart", hooks.Poststart);
        WriteHookList(json, "poststop", hooks.Poststop);
        json.WriteEndObject();
    }

    private static void WriteHookList(Utf8JsonWriter json, string name, RepeatedField<Oci.Hook> hooks)
    {
        if (hooks.Count == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (var hook in hooks)
        {
            json.WriteStartObject();
            json.WriteString("path", hook.Path);
            WriteTexts(json, "args", hook.Args);
            WriteTexts(json, "env", hook.Env);
            if (hook.Timeout > 0)
            {
                json.WriteNumber("timeout", hook.Timeout);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteLinux(Utf8JsonWriter json, Oci.Linux linux, IReadOnlyList<DeviceRule> rules)
    {
        json.WriteStartObject();
        WriteIdMappings(json, "uidMappings", linux.UIDMappings);
        WriteIdMappings(json, "gidMappings", linux.GIDMappings);
        WriteMap(json, "sysctl", linux.Sysctl);
        WriteText(json, "cgroupsPath", linux.CgroupsPath);
        WriteText(json, "rootfsPropagation", linux.RootfsPropagation);
        WriteText(json, "mountLabel", linux.MountLabel);
        WriteTexts(json, "maskedPaths", linux.MaskedPaths);
        WriteTexts(json, "readonlyPaths", linux.ReadonlyPaths);

        json.WriteStartArray("namespaces");
        foreach (var space in linux.Namespaces)
        {
            json.WriteStartObject();
            json.WriteString("type", space.Type);
            WriteText(json, "path", space.Path);
            json.WriteEndObject();
        }

        json.WriteEndArray();

        json.WriteStartArray("devices");
        foreach (var device in linux.Devices)
        {
            json.WriteStartObject();
            json.WriteString("path", device.Path);
            json.WriteString("type", device.Type);
            json.WriteNumber("major", device.Major);
            json.WriteNumber("minor", device.Minor);
            json.WriteNumber("fileMode", device.FileMode != 0 ? device.FileMode : Convert.ToUInt32("666", 8));
            json.WriteNumber("uid", device.UID);
            json.WriteNumber("gid", device.GID);
            json.WriteEndObject();
        }

        json.WriteEndArray();

        json.WritePropertyName("resources");
        WriteResources(json, linux.Resources, rules);
        if (linux.Seccomp is { DefaultAction.Length: > 0 } seccomp)
        {
            WriteSeccomp(json, seccomp);
        }

        json.WriteEndObject();
    }

    private static void WriteResources(Utf8JsonWriter json, Oci.LinuxResources? resources, IReadOnlyList<DeviceRule> rules)
    {
        json.WriteStartObject();
        json.WriteStartArray("devices");
        foreach (var rule in rules)
        {
            json.WriteStartObject();
            json.WriteBoolean("allow", rule.Allow);
            WriteText(json, "type", rule.Type);
            if (rule.Major is { } major)
            {
                json.WriteNumber("major", major);
            }

            if (rule.Minor is { } minor)
            {
                json.WriteNumber("minor", minor);
            }

            json.WriteString("access", rule.Access);
            json.WriteEndObject();
        }

        json.WriteEndArray();

        if (resources?.Memory is { } memory)
        {
            json.WriteStartObject("memory");
            WriteNonZero(json, "limit", memory.Limit);
            WriteNonZero(json, "reservation", memory.Reservation);
            WriteNonZero(json, "swap", memory.Swap);
            json.WriteEndObject();
        }

        if (resources?.CPU is { } cpu)
        {
            json.WriteStartObject("cpu");
            WriteNonZero(json, "shares", (long)cpu.Shares);
            WriteNonZero(json, "quota", cpu.Quota);
            WriteNonZero(json, "period", (long)cpu.Period);
            WriteText(json, "cpus", cpu.Cpus);
            WriteText(json, "mems", cpu.Mems);
            json.WriteEndObject();
        }

        if (resources?.Pids is { Limit: not 0 } pids)
        {
            json.WriteStartObject("pids");
            json.WriteNumber("limit", pids.Limit);
            json.WriteEndObject();
        }

        if (resources?.HugepageLimits is { Count: > 0 } pages)
        {
            json.WriteStartArray("hugepageLimits");
            foreach (var page in pages)
            {
                json.WriteStartObject();
                json.WriteString("pageSize", page.Pagesize);
                json.WriteNumber("limit", page.Limit);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteSeccomp(Utf8JsonWriter json, Oci.LinuxSeccomp seccomp)
    {
        json.WriteStartObject("seccomp");
        json.WriteString("defaultAction", seccomp.DefaultAction);
        WriteTexts(json, "architectures", seccomp.Architectures);
        WriteTexts(json, "flags", seccomp.Flags);
        json.WriteStartArray("syscalls");
        foreach (var call in seccomp.Syscalls)
        {
            json.WriteStartObject();
            WriteTexts(json, "names", call.Names);
            json.WriteString("action", call.Action);
            if (call.ErrnoRetCase == Oci.LinuxSyscall.ErrnoRetOneofCase.Errnoret)
            {
                json.WriteNumber("errnoRet", call.Errnoret);
            }

            if (call.Args.Count > 0)
            {
                json.WriteStartArray("args");
                foreach (var argument in call.Args)
                {
                    json.WriteStartObject();
                    json.WriteNumber("index", argument.Index);
                    json.WriteNumber("value", argument.Value);
                    json.WriteNumber("valueTwo", argument.ValueTwo);
                    json.WriteString("op", argument.Op);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteIdMappings(Utf8JsonWriter json, string name, RepeatedField<Oci.LinuxIDMapping> mappings)
    {
        if (mappings.Count == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (var mapping in mappings)
        {
            json.WriteStartObject();
            json.WriteNumber("containerID", mapping.ContainerID);
            json.WriteNumber("hostID", mapping.HostID);
            json.WriteNumber("size", mapping.Size);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteMap(Utf8JsonWriter json, string name, MapField<string, string> map)
    {
        if (map.Count == 0)
        {
            return;
        }

        json.WriteStartObject(name);
        foreach (var (key, value) in map)
        {
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, RepeatedField<string> texts)
    {
        if (texts.Count == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    private static void WriteText(Utf8JsonWriter json, string name, string text)
    {
        if (text.Length > 0)
        {
            json.WriteString(name, text);
        }
    }

    private static void WriteNonZero(Utf8JsonWriter json, string name, long value)
    {
        if (value != 0)
        {
            json.WriteNumber(name, value);
        }
    }
}
