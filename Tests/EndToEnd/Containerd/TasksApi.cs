using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace Kata.Tests.EndToEnd.Containerd;

/// <summary>Calls of containerd's task service that ctr has no word for, as gRPC over the daemon's socket.</summary>
internal sealed class TasksApi : IDisposable
{
    private const string ResourcesType = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";

    private readonly HttpClient _client;
    private readonly string _namespace;

    public TasksApi(PrivateContainerd containerd)
    {
        _namespace = containerd.Namespace;
        _client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(containerd.Socket), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
    }

    public void Dispose() => _client.Dispose();

    /// <summary>
    /// Sets new limits, given as the JSON of an OCI LinuxResources; throws with the daemon's words on refusal.
    /// </summary>
    public Task UpdateAsync(string id, string resources) =>
        CallAsync("Update", [.. Field(1, Encoding.UTF8.GetBytes(id)),
            .. Field(
                2,
                [.. Field(1, Encoding.UTF8.GetBytes(ResourcesType)), .. Field(2, Encoding.UTF8.GetBytes(resources))])]);

    /// <summary>Creates a task on one mount, without streams.</summary>
    public Task CreateAsync(string id, (string Type, string Source, string[] Options) root) =>
        CallAsync("Create", [.. Field(1, Encoding.UTF8.GetBytes(id)),
            .. Field(
                3, [.. Field(1, Encoding.UTF8.GetBytes(root.Type)), .. Field(2, Encoding.UTF8.GetBytes(root.Source)),
                .. root.Options.SelectMany(o => Field(4, Encoding.UTF8.GetBytes(o)))])]);

    /// <summary>Runs what a task was created for.</summary>
    public Task StartAsync(string id) => CallAsync("Start", Field(1, Encoding.UTF8.GetBytes(id)));

    private async Task CallAsync(string method, byte[] message)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post, $"http://localhost/containerd.services.tasks.v1.Tasks/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, .. BigEndian(message.Length), .. message]),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Headers.Add("containerd-namespace", _namespace);

        using var response = await _client.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        var status = Read(response, "grpc-status");
        if (status != "0")
            throw new InvalidOperationException(
                $"{method}: status {status}, {WebUtility.UrlDecode(Read(response, "grpc-message"))}");
    }

    private static string Read(HttpResponseMessage response, string name) =>
        response.TrailingHeaders.TryGetValues(name, out var values) || response.Headers.TryGetValues(name, out values)
            ? values.First()
            : "";

    private static byte[] BigEndian(int value) =>
        [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private static byte[] Field(int number, byte[] content)
    {
        if (content.Length >= 1 << 14)
            throw new ArgumentOutOfRangeException(
                nameof(content), content.Length.ToString(CultureInfo.InvariantCulture));
        byte[] length = content.Length < 128
            ? [(byte)content.Length]
            : [(byte)(content.Length | 0x80), (byte)(content.Length >> 7)];
        return [(byte)((number << 3) | 2), .. length, .. content];
    }
}
