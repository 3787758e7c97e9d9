using System.Text;
using System.Text.Json;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>The small files of a bundle that the short-lived verbs read and write.</summary>
internal static class BundleFiles
{
    /// <summary>The address of the shim, for daemons that restart.</summary>
    public const string Address = "address";

    /// <summary>The shim's pid, for people.</summary>
    public const string ShimPid = "shim.pid";

    /// <summary>What a shim wrote when it broke.</summary>
    public const string Panic = "panic.log";

    private const int MaxConfig = 64 * 1024 * 1024;
    private const int MaxAddress = 4096;

    /// <summary>
    /// The container's part, from the annotations of config.json. Without that file it is a sandbox of its own.
    /// </summary>
    public static (ContainerKind Kind, SandboxId Sandbox) Classify(string bundle, string id)
    {
        byte[] json;
        try
        {
            json = ReadBounded(Path.Combine(bundle, "config.json"), MaxConfig);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return (ContainerKind.Single, SandboxId.Parse(id));
        }

        try
        {
            return ContainerAnnotations.Classify(ReadAnnotations(json), id);
        }
        catch (JsonException e)
        {
            throw new KataException(
                ErrorKind.InvalidArgument, $"config.json of the bundle is not valid: {e.Message}", e);
        }
    }

    /// <summary>The address that a bundle's shim left, or null.</summary>
    public static string? ReadAddress(string bundle)
    {
        try
        {
            var text = Encoding.UTF8.GetString(ReadBounded(Path.Combine(bundle, Address), MaxAddress));
            return text.Length > 0 ? text : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Writes a file whole or not at all.</summary>
    public static void Write(string bundle, string name, string text) =>
        AtomicFile.Write(Path.Combine(bundle, name), Encoding.UTF8.GetBytes(text));

    /// <summary>
    /// Nothing but the annotations is looked at: a specification can be large, and <c>start</c> is in a hurry.
    /// </summary>
    internal static Dictionary<string, string> ReadAnnotations(ReadOnlySpan<byte> json)
    {
        var annotations = new Dictionary<string, string>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException("it is no object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isAnnotations = reader.ValueTextEquals("annotations"u8);
            reader.Read();
            if (isAnnotations && reader.TokenType == JsonTokenType.StartObject)
                ReadPairs(ref reader, annotations);
            else
                reader.Skip();
        }

        return annotations;
    }

    private static void ReadPairs(ref Utf8JsonReader reader, Dictionary<string, string> annotations)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
                annotations[key] = reader.GetString()!;
            else
                reader.Skip();
        }
    }

    private static byte[] ReadBounded(string path, int limit)
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        if (length > limit)
            throw new KataException(
                ErrorKind.InvalidArgument, $"{Path.GetFileName(path)} of the bundle is larger than {limit} bytes");
        var bytes = new byte[length];
        var filled = 0;
        while (filled < bytes.Length)
        {
            var count = RandomAccess.Read(file, bytes.AsSpan(filled), filled);
            if (count == 0)
                break;
            filled += count;
        }

        return filled == bytes.Length ? bytes : bytes[..filled];
    }
}
