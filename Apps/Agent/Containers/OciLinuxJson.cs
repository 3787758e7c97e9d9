using System.Text.Json;
using Google.Protobuf.Collections;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Containers;

/// <summary>
/// Writes what the kernel does for a container: namespaces, devices, limits and the filter of its system calls.
/// </summary>
internal static class OciLinuxJson
{
    public static void Write(Utf8JsonWriter json, Oci.Linux linux, IReadOnlyList<DeviceRule> rules)
    {
        json.WriteStartObject();
        WriteIdMappings(json, "uidMappings", linux.UIDMappings);
        WriteIdMappings(json, "gidMappings", linux.GIDMappings);
        json.WriteMap("sysctl", linux.Sysctl);
        json.WriteText("cgroupsPath", linux.CgroupsPath);
        json.WriteText("rootfsPropagation", linux.RootfsPropagation);
        json.WriteText("mountLabel", linux.MountLabel);
        json.WriteTexts("maskedPaths", linux.MaskedPaths);
        json.WriteTexts("readonlyPaths", linux.ReadonlyPaths);

        json.WriteStartArray("namespaces");
        foreach (var space in linux.Namespaces)
        {
            json.WriteStartObject();
            json.WriteString("type", space.Type);
            json.WriteText("path", space.Path);
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

    private static void WriteResources(
        Utf8JsonWriter json, Oci.LinuxResources? resources, IReadOnlyList<DeviceRule> rules)
    {
        json.WriteStartObject();
        json.WriteStartArray("devices");
        foreach (var rule in rules)
        {
            json.WriteStartObject();
            json.WriteBoolean("allow", rule.Allow);
            json.WriteText("type", rule.Type);
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
            json.WriteNonZero("limit", memory.Limit);
            json.WriteNonZero("reservation", memory.Reservation);
            json.WriteNonZero("swap", memory.Swap);
            json.WriteEndObject();
        }

        if (resources?.CPU is { } cpu)
        {
            json.WriteStartObject("cpu");
            json.WriteNonZero("shares", (long)cpu.Shares);
            json.WriteNonZero("quota", cpu.Quota);
            json.WriteNonZero("period", (long)cpu.Period);
            json.WriteText("cpus", cpu.Cpus);
            json.WriteText("mems", cpu.Mems);
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
        json.WriteTexts("architectures", seccomp.Architectures);
        json.WriteTexts("flags", seccomp.Flags);
        json.WriteStartArray("syscalls");
        foreach (var call in seccomp.Syscalls)
        {
            json.WriteStartObject();
            json.WriteTexts("names", call.Names);
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
}
