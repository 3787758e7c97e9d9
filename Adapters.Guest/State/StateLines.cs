using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Guest.State;

/// <summary>
/// The end of a file of JSON lines, one write each. A write that a full disk cut short leaves a torn line; the next one
/// begins on a line of its own, so that only what was refused is lost. Not for several threads at once.
/// </summary>
internal sealed class StateLines(SafeFileHandle file, bool torn = false) : IDisposable
{
    private bool _torn = torn;

    /// <summary>The bytes of one line.</summary>
    public static byte[] Line<T>(T value, JsonTypeInfo<T> type) =>
        [.. JsonSerializer.SerializeToUtf8Bytes(value, type), (byte)'\n'];

    /// <summary>What a line says; null for one that is torn, or of another kind.</summary>
    public static T? TryParse<T>(string line, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(line, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Adds a line.</summary>
    /// <exception cref="IOException">It was not written, or only a part of it.</exception>
    public void Append(byte[] line)
    {
        try
        {
            DescriptorIo.Append(file, _torn ? [(byte)'\n', .. line] : line);
            _torn = false;
        }
        catch (IOException)
        {
            _torn = true;
            throw;
        }
    }

    public void Dispose() => file.Dispose();
}
