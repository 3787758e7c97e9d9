using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Apps.Agent;

/// <summary>
/// Short lines on the guest's console, or on another descriptor. Never environment, arguments or specs.
/// </summary>
internal sealed class AgentLog(SafeFileHandle target)
{
    private const string Prefix = "kata-agent: ";
    private const int LongestLine = 500;

    private readonly Lock _gate = new();

    public AgentLogLevel Level { get; set; } = AgentLogLevel.Info;

    public bool IsDebug => Level <= AgentLogLevel.Debug;

    public void Debug(string text) => Write(AgentLogLevel.Debug, text);

    public void Info(string text) => Write(AgentLogLevel.Info, text);

    public void Warning(string text) => Write(AgentLogLevel.Warning, text);

    public void Error(string text) => Write(AgentLogLevel.Error, text);

    private void Write(AgentLogLevel level, string text)
    {
        if (level < Level)
        {
            return;
        }

        var line = text.ReplaceLineEndings(" ");
        line = Prefix + (line.Length > LongestLine ? line[..LongestLine] : line) + "\n";
        lock (_gate)
        {
            try
            {
                DescriptorIo.TryWrite(target, System.Text.Encoding.UTF8.GetBytes(line));
            }
            catch (LinuxException)
            {
                // A console that cannot be written to has nobody to be told.
            }
        }
    }
}
