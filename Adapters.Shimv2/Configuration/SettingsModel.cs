using Tomlyn.Model;
using Tomlyn.Serialization;

namespace Kata.Adapters.Shimv2.Configuration;

/// <summary>
/// Reads TOML into tables without reflection. Tables, not classes: a class cannot say which keys it did not know, at
/// which place a type is wrong, or whether a key was there at all.
/// </summary>
[TomlSerializable(typeof(TomlTable))]
internal sealed partial class SettingsModel : TomlSerializerContext;
