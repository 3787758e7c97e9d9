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
    // What is written below is all of this version. The wire's own says which one the container manager speaks, and
    // crun refuses those that are newer than itself.
    private const string Version = "1.0.2";

    public static ReadOnlyMemory<byte> Write(Oci.Spec spec, IReadOnlyList<DeviceRule> rules)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("ociVersion", Version);
            json.WritePropertyName("process");
            OciProcessJson.Write(json, spec.Process);
            json.WriteStartObject("root");
            json.WriteString("path", spec.Root.Path);
            json.WriteBoolean("readonly", spec.Root.Readonly);
            json.WriteEndObject();
            json.WriteText("hostname", spec.Hostname);
            WriteMounts(json, spec.Mounts);
            if (spec.Hooks is { } hooks)
            {
                WriteHooks(json, hooks);
            }

            json.WriteMap("annotations", spec.Annotations);
            json.WritePropertyName("linux");
            OciLinuxJson.Write(json, spec.Linux, rules);
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
            OciProcessJson.Write(json, process);
        }

        return buffer.WrittenMemory;
    }

    private static void WriteMounts(Utf8JsonWriter json, IEnumerable<Oci.Mount> mounts)
    {
        json.WriteStartArray("mounts");
        foreach (var mount in mounts)
        {
            json.WriteStartObject();
            json.WriteString("destination", mount.Destination);
            json.WriteText("source", mount.Source);
            json.WriteText("type", mount.Type);
            json.WriteTexts("options", mount.Options);
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
            json.WriteTexts("args", hook.Args);
            json.WriteTexts("env", hook.Env);
            if (hook.Timeout > 0)
            {
                json.WriteNumber("timeout", hook.Timeout);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
