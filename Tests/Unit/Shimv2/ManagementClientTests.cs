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
using Kata.Platform.Linux;
using Microsoft.Extensions.Logging.Abstractions;
using Moq;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

/// <summary>The administrator's side of a shim's management socket, and the shim's.</summary>
public sealed class ManagementClientTests : IDisposable
{
    private static readonly SandboxId Pod = SandboxId.Parse("pod");

    // What must not get lost in a query nor in JSON.
    private static readonly HostPath Volume = HostPath.Parse("/csi/a &=\"b", "volume");

    private readonly string _folder = Directory.CreateTempSubdirectory("mgmt").FullName;
    private readonly Mock<ISender> _sender = new();
    private readonly ManagementSocket _socket;
    private readonly ManagementClient _client;

    public ManagementClientTests()
    {
        _socket = new ManagementSocket(_sender.Object, TimeProvider.System, NullLogger<ManagementSocket>.Instance)
        {
            Place = Place,
        };
        _client = new ManagementClient { Place = Place };
    }

    public void Dispose()
    {
        _socket.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Usage_is_the_shims_document()
    {
        await _socket.Handle(new SandboxStarted(Pod), default);
        _sender.Setup(s => s.Send(new GetVolumeUsage(Volume), It.IsAny<CancellationToken>()))
            .ReturnsAsync(new VolumeUsage(10, 7, 3, 6, 5, 1));

        (await _client.GetVolumeUsageAsync(Pod, Volume, default)).Should().StartWith("{\"usage\":[{\"available\":7,");
    }

    [Fact]
    public async Task Resize_names_the_volume_and_the_size()
    {
        await _socket.Handle(new SandboxStarted(Pod), default);
        _sender.Setup(s => s.Send(new ResizeVolume(Volume, 4096), It.IsAny<CancellationToken>()))
            .ReturnsAsync(Done.Value).Verifiable();

        await _client.ResizeVolumeAsync(Pod, Volume, 4096, default);

        _sender.Verify();
    }

    [Theory]
    [InlineData(ErrorKind.InvalidArgument, ErrorKind.InvalidArgument)]
    [InlineData(ErrorKind.NotFound, ErrorKind.Internal)]
    public async Task Refusal_of_the_shim_comes_in_its_words(ErrorKind said, ErrorKind expected)
    {
        await _socket.Handle(new SandboxStarted(Pod), default);
        _sender.Setup(s => s.Send(It.IsAny<ResizeVolume>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new KataException(said, "so it is"));

        var act = () => _client.ResizeVolumeAsync(Pod, Volume, 4096, default);

        (await act.Should().ThrowAsync<KataException>().WithMessage("so it is")).Which.Kind.Should().Be(expected);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-")]
    public async Task Shim_that_is_gone_or_goes_in_the_middle_is_unavailable(string? answer)
    {
        using var listener = answer is null ? null : UnixSocket.Listen(Place(Pod));
        var answering = listener is null ? Task.CompletedTask : AnswerAsync(listener, answer!);

        var act = () => _client.GetVolumeUsageAsync(Pod, Volume, default);

        (await act.Should().ThrowAsync<KataException>().WithMessage("the shim of sandbox pod does not answer at *"))
            .Which.Kind.Should().Be(ErrorKind.Unavailable);
        await answering;
    }

    private static async Task AnswerAsync(Socket listener, string answer)
    {
        using var connection = await listener.AcceptAsync();
        await connection.ReceiveAsync(new byte[1024]);
        await connection.SendAsync(Encoding.UTF8.GetBytes(answer));
    }

    private string Place(SandboxId sandbox) => $"{_folder}/{sandbox}.sock";
}
