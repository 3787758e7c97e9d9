using System.Text.Json.Serialization;
using Kata.Core.Domain.Oci;

namespace Kata.Adapters.Guest.Bundles;

/// <summary>OCI documents. A field may be null where it may be absent.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = 64)]
[JsonSerializable(typeof(OciSpec))]
[JsonSerializable(typeof(OciProcess))]
[JsonSerializable(typeof(OciResources))]
[JsonSerializable(typeof(OciHookState))]
internal sealed partial class OciJson : JsonSerializerContext;

/// <summary>What a hook reads on its standard input.</summary>
internal sealed record OciHookState(string OciVersion, string Id, string Status, int Pid, string Bundle);
