using System.Globalization;

namespace Kata.Apps.Agent.Boot;

/// <summary>
/// Reads the <c>agent.*</c> words of <c>/proc/cmdline</c>; words that are not the agent's are passed over.
/// </summary>
internal static class KernelCommandLine
{
    private const string Vsock = "vsock://";
    private const string Unix = "unix://";

    public static AgentOptions Parse(string text)
    {
        var options = new AgentOptions();
        var complaints = new List<string>();
        foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (!word.StartsWith("agent.", StringComparison.Ordinal))
            {
                continue;
            }

            var separator = word.IndexOf('=', StringComparison.Ordinal);
            var key = separator < 0 ? word : word[..separator];
            var value = separator < 0 ? null : word[(separator + 1)..];
            var changed = Apply(options, key, value);
            if (changed is null)
            {
                complaints.Add($"kernel parameter '{word}' has no usable value; the default stays");
            }
            else
            {
                options = changed;
            }
        }

        return options with { Complaints = complaints };
    }

    /// <summary>The options with one word taken in; null when its value cannot be used.</summary>
    private static AgentOptions? Apply(AgentOptions options, string key, string? value) => key switch
    {
        "agent.log" => ParseLevel(value) is { } level ? options with { LogLevel = level } : null,
        // Only the bare word switches the console on; with a value it is another, unknown word.
        "agent.debug_console" => value is null ? options with { DebugConsole = true } : options,
        "agent.debug_console_vport" =>
            ParseNumber(value) is { } port ? options with { DebugConsolePort = (uint)port } : null,
        "agent.log_vport" => ParseNumber(value) is { } port ? options with { LogPort = (uint)port } : null,
        "agent.server_addr" => ParseAddress(options, value),
        "agent.container_pipe_size" =>
            ParseNumber(value) is { } size ? options with { ContainerPipeSize = size } : null,
        "agent.hotplug_timeout" => ParseNumber(value) switch
        {
            null => null,
            0 => options,
            { } seconds => options with { HotplugTimeout = TimeSpan.FromSeconds(seconds) },
        },
        _ => options,
    };

    private static AgentLogLevel? ParseLevel(string? value) => value switch
    {
        "trace" => AgentLogLevel.Trace,
        "debug" => AgentLogLevel.Debug,
        "info" => AgentLogLevel.Info,
        "warn" or "warning" => AgentLogLevel.Warning,
        "error" => AgentLogLevel.Error,
        "critical" or "fatal" or "panic" => AgentLogLevel.Critical,
        _ => null,
    };

    private static int? ParseNumber(string? value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static AgentOptions? ParseAddress(AgentOptions options, string? value)
    {
        if (value is null)
        {
            return null;
        }

        if (value.StartsWith(Unix, StringComparison.Ordinal) && value.Length > Unix.Length)
        {
            return options with { UnixSocket = value[Unix.Length..] };
        }

        // vsock://-1:1024: the context id says "any", only the port is a choice.
        var colon = value.LastIndexOf(':');
        return value.StartsWith(Vsock, StringComparison.Ordinal) && colon >= Vsock.Length
            && ParseNumber(value[(colon + 1)..]) is { } port and > 0
            ? options with { ServerPort = (uint)port }
            : null;
    }
}
