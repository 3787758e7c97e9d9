using Kata.Core.Application.Settings;

namespace Kata.Core.Application.Ports;

/// <summary>Where a create request says that its configuration is.</summary>
/// <param name="ConfigPath">Path of a configuration file; null if none was given.</param>
/// <param name="ConfigBody">The configuration itself, TOML; null if none was given.</param>
public sealed record RuntimeOptions(string? ConfigPath, ReadOnlyMemory<byte>? ConfigBody);

/// <summary>Reads the settings of a sandbox.</summary>
public interface ISettingsSource
{
    /// <summary>
    /// The settings: from the options' file or body, else from the file named by the environment, else from the first
    /// default path that exists. Unknown keys, wrong types and values out of bounds are InvalidArgument failures that
    /// name the file, the key and the nearest known one. Annotations narrow what the file allows.
    /// </summary>
    Task<RuntimeSettings> ReadAsync(
        RuntimeOptions? options, IReadOnlyDictionary<string, string> annotations, CancellationToken ct);
}
