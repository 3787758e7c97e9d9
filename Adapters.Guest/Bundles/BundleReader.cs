using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Bundles;

/// <summary>Reads OCI documents with generated code, bounded in size and depth.</summary>
internal sealed class BundleReader : IBundleReader
{
    private const int MaxBytes = 8 * 1024 * 1024;
    private const int MaxTextBytes = 64 * 1024;

    public async Task<OciSpec> ReadAsync(HostPath bundle, CancellationToken ct)
    {
        var path = bundle.Append("config.json");
        byte[] json;
        try
        {
            using var file = new FileStream(
                path.Value, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.Asynchronous);
            if (file.Length > MaxBytes)
                throw Invalid(path.Value, $"has {file.Length} bytes, more than the {MaxBytes} that are read");
            json = new byte[file.Length];
            await file.ReadExactlyAsync(json, ct);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Invalid(path.Value, "is missing: the container manager has not prepared this bundle", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw Invalid(path.Value, $"cannot be read: {e.Message}", e);
        }

        return Parse(json, OciJson.Default.OciSpec, path.Value);
    }

    public async Task<IReadOnlyList<string>> ReadLinesAsync(HostPath file, CancellationToken ct)
    {
        // A fifo or device in its place would make the opening wait.
        if (FileStatus.TryOf(file.Value) is not { IsRegular: true })
            return [];
        try
        {
            await using var stream = new FileStream(
                file.Value, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1, FileOptions.Asynchronous);
            if (stream.Length > MaxTextBytes)
                return [];
            var bytes = new byte[stream.Length];
            var count = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, ct);
            return Encoding.UTF8.GetString(bytes, 0, count)
                .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    public OciProcess ReadProcess(ReadOnlyMemory<byte> json) =>
        Parse(json.Span, OciJson.Default.OciProcess, "the process document");

    public OciResources ReadResources(ReadOnlyMemory<byte> json) =>
        Parse(json.Span, OciJson.Default.OciResources, "the resources document");

    private static T Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type, string what)
        where T : class
    {
        if (json.Length > MaxBytes)
            throw Invalid(what, $"has {json.Length} bytes, more than the {MaxBytes} that are read");
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw Invalid(what, "is null");
        }
        catch (JsonException e)
        {
            throw Invalid(what, $"is not valid: {e.Message}", e);
        }
    }

    private static KataException Invalid(string what, string why, Exception? cause = null) =>
        new(ErrorKind.InvalidArgument, $"{what} {why}", cause);
}
