using System.Text.Json;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Containers;

/// <summary>Writes a process, be it a container's first one or one of its further ones.</summary>
internal static class OciProcessJson
{
    // A spec without limits, as CRI's are, counts on those of the container manager's service, which are wide; those of
    // a kernel's first process are not.
    private static readonly Oci.POSIXRlimit[] UsualLimits =
    [
        new() { Type = "RLIMIT_NOFILE", Hard = 1 << 20, Soft = 1 << 20 },
        new() { Type = "RLIMIT_NPROC", Hard = ulong.MaxValue, Soft = ulong.MaxValue },
    ];

    public static void Write(Utf8JsonWriter json, Oci.Process process)
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
        if (process.User is { HasUmask: true } masked)
        {
            json.WriteNumber("umask", masked.Umask);
        }

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
        json.WriteTexts("args", process.Args);
        json.WriteTexts("env", process.Env);
        json.WriteString("cwd", process.Cwd.Length > 0 ? process.Cwd : "/");
        if (process.Capabilities is { } capabilities)
        {
            json.WriteStartObject("capabilities");
            json.WriteTexts("bounding", capabilities.Bounding);
            json.WriteTexts("effective", capabilities.Effective);
            json.WriteTexts("inheritable", capabilities.Inheritable);
            json.WriteTexts("permitted", capabilities.Permitted);
            json.WriteTexts("ambient", capabilities.Ambient);
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
        json.WriteNonZero("oomScoreAdj", process.OOMScoreAdj);
        json.WriteText("selinuxLabel", process.SelinuxLabel);
        json.WriteEndObject();
    }
}
