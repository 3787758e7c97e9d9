using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Kata.Adapters.Shimv2.Management;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

/// <summary>What tools ask a running shim about volumes.</summary>
public sealed class ManagementSocketTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly string _folder = Directory.CreateTempSubdirectory("mgmt").FullName;
    private readonly Mock<ISender> _sender = new();
    private readonly ManagementSocket _socket;

    public ManagementSocketTests() =>
        _socket = new ManagementSocket(_sender.Object, TimeProvider.System, NullLogger<ManagementSocket>.Instance)
        {
            Place = sandbox => $"{_folder}/{sandbox}.sock",
        };

    public Task InitializeAsync() => _socket.Handle(new SandboxStarted(SandboxId.Parse("pod")), default);

    public Task DisposeAsync()
    {
        _socket.Dispose();
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Stats_are_those_of_the_volume_that_the_query_names()
    {
        _sender.Setup(s => s.Send(new GetVolumeUsage(HostPath.Parse("/csi/a b", "p")), It.IsAny<CancellationToken>()))
            .ReturnsAsync(new VolumeUsage(10, 7, 3, 6, 5, 1));

        var answer = await AskAsync("GET /direct-volume/stats?path=%2Fcsi%2Fa%20b HTTP/1.1\r\nHost: x\r\n\r\n");

        answer.Should().StartWith("HTTP/1.1 200 OK\r\n").And.EndWith(
            """{"usage":[{"available":7,"total":10,"used":3,"unit":1},{"available":5,"total":6,"used":1,"unit":2}],"volume_condition":{"message":"OK"}}""");
    }

    [Theory]
    [InlineData("""{"VolumePath":"/csi/a","Size":4096}""")]
    [InlineData("""{"volume_guest_path":"/csi/a","size":4096}""")]
    public async Task Resize_takes_the_words_of_both_generations_of_tools(string body)
    {
        _sender.Setup(s => s.Send(It.IsAny<ResizeVolume>(), It.IsAny<CancellationToken>())).ReturnsAsync(Done.Value);

        (await PostAsync(body)).Should().StartWith("HTTP/1.1 200 OK\r\n");

        _sender.Verify(
            s => s.Send(new ResizeVolume(HostPath.Parse("/csi/a", "p"), 4096), It.IsAny<CancellationToken>()));
    }

    [Theory]
    [InlineData("GET /direct-volume/stats HTTP/1.1\r\n\r\n", 400)]
    [InlineData("GET /direct-volume/stats?path=relative HTTP/1.1\r\n\r\n", 400)]
    [InlineData("GET /elsewhere HTTP/1.1\r\n\r\n", 404)]
    [InlineData("nonsense\r\n\r\n", 400)]
    [InlineData("POST /direct-volume/resize HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n", 400)]
    [InlineData("POST /direct-volume/resize HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400)]
    public async Task Request_that_makes_no_sense_is_refused(string request, int status) =>
        (await AskAsync(request)).Should().StartWith($"HTTP/1.1 {status} ");

    [Fact]
    public async Task Failure_of_the_sandbox_is_told_in_its_words()
    {
        _sender.Setup(s => s.Send(It.IsAny<GetVolumeUsage>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new KataException(ErrorKind.NotFound, "no such volume"));

        (await AskAsync("GET /direct-volume/stats?path=/x HTTP/1.1\r\n\r\n")).Should().StartWith("HTTP/1.1 500 ")
            .And.EndWith("no such volume\n");
    }

    [Fact]
    public async Task Request_that_the_kernel_cannot_take_now_is_taken_after_a_pause()
    {
        var time = new ManualTime();
        var tries = 0;
        using var socket = new ManagementSocket(_sender.Object, time, NullLogger<ManagementSocket>.Instance)
        {
            Place = _ => $"{_folder}/busy.sock",
            Accept = (listener, stop) => ++tries < 3
                ? throw new SocketException((int)SocketError.TooManyOpenSockets)
                : listener.AcceptAsync(stop),
        };

        await socket.Handle(new SandboxStarted(SandboxId.Parse("pod")), default);
        var answer = AskAsync("GET /elsewhere HTTP/1.1\r\n\r\n", "busy");

        tries.Should().Be(1, "it does not spin");
        while (!answer.IsCompleted)
        {
            time.MoveToNextTimer();
            await Task.Yield();
        }
        (await answer).Should().StartWith("HTTP/1.1 404 ");
        tries.Should().BeGreaterThanOrEqualTo(3);
    }

    private Task<string> PostAsync(string body) =>
        AskAsync($"POST /direct-volume/resize HTTP/1.1\r\nContent-Length: {body.Length}\r\n\r\n{body}");

    private async Task<string> AskAsync(string request, string name = "pod")
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint($"{_folder}/{name}.sock"));
        await socket.SendAsync(Encoding.UTF8.GetBytes(request));
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync().WaitAsync(Limit);
    }
}
