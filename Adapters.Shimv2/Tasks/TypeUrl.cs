using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Kata.Adapters.Shimv2.Tasks;

/// <summary>
/// Type names as containerd writes them: without a prefix, and some with slashes inside, so that neither packing nor
/// unpacking by the library fits.
/// </summary>
internal static class TypeUrl
{
    /// <summary>Options of a runtime handler.</summary>
    public const string RuntimeOptions = "runtimeoptions.v1.Options";

    /// <summary>The same from older CRI plugins.</summary>
    public const string CriRuntimeOptions = "cri.runtimeoptions.v1.Options";

    /// <summary>An OCI process as JSON.</summary>
    public const string OciProcess = "types.containerd.io/opencontainers/runtime-spec/1/Process";

    /// <summary>OCI limits as JSON.</summary>
    public const string OciLinuxResources = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";

    /// <summary>The OCI features document as JSON.</summary>
    public const string OciFeatures = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

    private const string Prefix = "type.googleapis.com/";

    /// <summary>True if the value is of this type, with or without the usual prefix.</summary>
    public static bool Is(Any? any, string type) => any is not null
        && (
            any.TypeUrl == type
                || (
                    any.TypeUrl.StartsWith(Prefix, StringComparison.Ordinal)
                        && any.TypeUrl.AsSpan(Prefix.Length).SequenceEqual(type)));

    /// <summary>A message under its plain name.</summary>
    public static Any Pack(string type, IMessage message) => new() { TypeUrl = type, Value = message.ToByteString() };
}
