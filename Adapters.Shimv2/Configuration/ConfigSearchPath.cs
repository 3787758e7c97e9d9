using Kata.Core.Domain;

namespace Kata.Adapters.Shimv2.Configuration;

/// <summary>Where a configuration file is looked for when no options bring one.</summary>
/// <param name="FromEnvironment">The file named by <see cref="Variable"/>; empty if none is. The environment is the
/// daemon's, so it is trusted as its configuration is.</param>
/// <param name="Defaults">The default paths; the first that exists counts.</param>
internal sealed record ConfigSearchPath(string FromEnvironment, IReadOnlyList<string> Defaults)
{
    /// <summary>The variable that names a file.</summary>
    public const string Variable = "KATA_CONF_FILE";

    /// <summary>The places of this process.</summary>
    public static ConfigSearchPath OfThisProcess() => new(
        Environment.GetEnvironmentVariable(Variable) ?? "",
        ["/etc/kata-containers/configuration.toml", "/usr/share/defaults/kata-containers/configuration.toml"]);

    /// <summary>The file to read.</summary>
    public string Find(string? fromOptions)
    {
        if (fromOptions is { Length: > 0 })
            return fromOptions;
        if (FromEnvironment.Length > 0)
            return FromEnvironment;
        return Defaults.FirstOrDefault(File.Exists)
            ?? throw new KataException(
                ErrorKind.InvalidArgument,
                $"no configuration was found; put one at {string.Join(" or ", Defaults)}, "
                + "or name one by the runtime's ConfigPath");
    }
}
