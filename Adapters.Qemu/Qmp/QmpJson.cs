using System.Text.Json.Serialization;

namespace Kata.Adapters.Qemu.Qmp;

/// <summary>Serialisers of what is said over QMP, made at compile time.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(QmpMessage))]
internal sealed partial class QmpJson : JsonSerializerContext;
