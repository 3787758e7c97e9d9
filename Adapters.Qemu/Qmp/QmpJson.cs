using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kata.Adapters.Qemu.Qmp;

/// <summary>Serialisers of what is said over QMP, made at compile time.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(QmpMessage))]
[JsonSerializable(typeof(AddTap))]
[JsonSerializable(typeof(AddDevice))]
[JsonSerializable(typeof(AddStorage))]
[JsonSerializable(typeof(AddMemory))]
[JsonSerializable(typeof(ById))]
[JsonSerializable(typeof(ByNodeName))]
[JsonSerializable(typeof(ResizeStorage))]
[JsonSerializable(typeof(ByDescriptorName))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
internal sealed partial class QmpJson : JsonSerializerContext;
