using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Shimv2.Configuration;

/// <summary>Event ids 2200 to 2299.</summary>
internal static partial class SettingsLog
{
    [LoggerMessage(2200, LogLevel.Information, "configuration read from {Source}")]
    public static partial void Read(ILogger log, string source);
}
