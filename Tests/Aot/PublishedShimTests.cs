using System.Text;
using FluentAssertions;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Platform.Linux;
using Kata.Platform.Protos.Containerd.Bootstrap;
using Kata.Platform.Protos.Containerd.TaskV2;
using Kata.Platform.Protos.Containerd.Types;
using Kata.Platform.Ttrpc;
using Xunit;
using TaskClient = Kata.Platform.Protos.Containerd.TaskV2.Task.TaskClient;

namespace Kata.Tests.Aot;

/// <summary>The native shim: what reflection would have broken shows here and nowhere else.</summary>
public sealed class PublishedShimTests : IDisposable
{
    private const string Scheme = "unix://";
    private const string OciProcess = "types.containerd.io/opencontainers/runtime-spec/1/Process";
    private const string OciResources = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly PublishedShim _shim = new();

    public void Dispose() => _shim.Dispose();

    [Fact]
    public void Publish_gave_no_warning_about_trimming_or_native_code()
    {
        var log = Path.Combine(PublishedShim.Directory, ".containerd-shim-kata-v2.log");

        if (File.Exists(log))
            File.ReadAllText(log).Should().NotMatchRegex(@"\bIL\d{4}\b");
        // Warnings are errors, so a binary without a log was published without them.
        File.Exists(PublishedShim.Binary).Should().BeTrue();
    }

    [Fact]
    public void Binary_holds_no_web_server()
    {
        // Kept under names of their own: a linked server costs every pod megabytes.
        var bytes = File.ReadAllBytes(PublishedShim.Binary);

        bytes.AsSpan().IndexOf("Kestrel"u8).Should().Be(-1);
        bytes.AsSpan().IndexOf(Encoding.Unicode.GetBytes("Kestrel")).Should().Be(-1);
    }

    [Fact]
    public async System.Threading.Tasks.Task Version_is_printed_for_people()
    {
        var (code, output, error) = await _shim.RunAsync([], "-v");

        code.Should().Be(0);
        error.Should().BeEmpty();
        Encoding.UTF8.GetString(output).Should().Contain("io.containerd.kata.v2").And.MatchRegex(@"\d+\.\d+\.\d+");
    }

    [Fact]
    public async System.Threading.Tasks.Task Info_is_a_RuntimeInfo_with_features()
    {
        var (code, output, error) = await _shim.RunAsync([], "-info");

        code.Should().Be(0);
        error.Should().BeEmpty();
        var info = RuntimeInfo.Parser.ParseFrom(output);
        info.Name.Should().Be("io.containerd.kata.v2");
        info.Features.TypeUrl.Should().Be("types.containerd.io/opencontainers/runtime-spec/1/features/Features");
        using var features = System.Text.Json.JsonDocument.Parse(info.Features.Value.Memory);
        features.RootElement.GetProperty("linux").GetProperty("namespaces").GetArrayLength().Should().BePositive();
        features.RootElement.GetProperty("mountOptions").EnumerateArray().Select(o => o.GetString())
            .Should().Contain("rro");
        info.Annotations.Should().ContainKey("containerd.io/runtime-allow-mounts");
    }

    // CRI-O reads both streams as one, and takes a document without versions for none.
    [Fact]
    public async System.Threading.Tasks.Task Features_is_the_document_that_info_holds()
    {
        var (code, output, error) = await _shim.RunAsync([], "features");

        code.Should().Be(0);
        error.Should().BeEmpty();
        output.Should().Equal(
            RuntimeInfo.Parser.ParseFrom((await _shim.RunAsync([], "-info")).Output).Features.Value.ToByteArray());
        using var features = System.Text.Json.JsonDocument.Parse(output);
        features.RootElement.GetProperty("ociVersionMin").GetString().Should().MatchRegex(@"^\d+\.\d+\.\d+$");
        features.RootElement.GetProperty("ociVersionMax").GetString().Should().MatchRegex(@"^\d+\.\d+\.\d+$");
        features.RootElement.GetProperty("mountOptions").EnumerateArray().Select(o => o.GetString())
            .Should().Contain("rro");
    }

    [Theory]
    [InlineData(2, "-colour", "start")]
    [InlineData(1, "start")]
    [InlineData(1, "-namespace", "n", "-id", "../x", "start")]
    public async System.Threading.Tasks.Task A_wrong_line_is_told_on_standard_error_alone(
        int expected, params string[] words)
    {
        var (code, output, error) = await _shim.RunAsync([], words);

        code.Should().Be(expected);
        output.Should().BeEmpty();
        error.Should().NotBeEmpty();
    }

    [Fact]
    public async System.Threading.Tasks.Task Start_of_a_container_whose_config_is_broken_fails_and_leaves_nothing()
    {
        await File.WriteAllTextAsync(Path.Combine(_shim.Bundle, "config.json"), "{");

        var (code, output, error) = await _shim.RunAsync([], _shim.Line("start"));

        code.Should().Be(1);
        output.Should().BeEmpty();
        error.Should().Contain("config.json");
        File.Exists(Path.Combine(_shim.Bundle, "address")).Should().BeFalse();
    }

    [Fact]
    public async System.Threading.Tasks.Task Start_with_parameters_answers_a_result()
    {
        var parameters = new BootstrapParams
        {
            InstanceId = _shim.Id,
            Namespace = PublishedShim.Namespace,
            SocketDir = Path.Combine(_shim.Bundle, "s")
        };

        var (code, output, error) = await _shim.RunAsync(parameters.ToByteArray(), _shim.Line("start"));

        code.Should().Be(0);
        error.Should().BeEmpty();
        var result = BootstrapResult.Parser.ParseFrom(output);
        result.Version.Should().Be(3);
        result.Protocol.Should().Be("ttrpc");
        result.Address.Should().StartWith(Scheme + _shim.Bundle);
    }

    [Fact]
    public async System.Threading.Tasks.Task A_life_by_the_real_verbs_sends_every_request_once_and_leaves_nothing()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_shim.Bundle, "config.json"),
            """{"ociVersion":"1.0.2","process":{"args":["true"],"cwd":"/"},"root":{"path":"rootfs"}}""");
        var address = await StartAsync();
        (await StartAsync()).Should().Be(address, "the living shim is found again");

        var socket = address[Scheme.Length..];
        await using (var connection = new TtrpcClient(await UnixSocket.ConnectAsync(socket)))
        {
            var client = new TaskClient(connection);
            await SendEveryRequestAsync(client);

            (await _shim.RunAsync([], _shim.Line("-bundle", _shim.Bundle, "delete"))).Code.Should().Be(0);
            (await client.ConnectAsync(new ConnectRequest { Id = _shim.Id }))
                .ShimPid.Should().Be((uint)_shim.ServerPid, "delete leaves a living shim alone");

            await client.ShutdownAsync(new ShutdownRequest { Id = _shim.Id });
        }

        if (PublishedShim.Find(_shim.ServerPid) is { } server)
            await server.WaitForExitAsync().WaitAsync(Patience);
        File.Exists(socket).Should().BeFalse();

        var (code, output, error) = await _shim.RunAsync([], _shim.Line("-bundle", _shim.Bundle, "delete"));
        code.Should().Be(0);
        error.Should().BeEmpty();
        DeleteResponse.Parser.ParseFrom(output).ExitStatus.Should().Be(137);
        Directory.Exists($"/run/vc/sbs/{_shim.Id}").Should().BeFalse();
    }

    [Fact]
    public async System.Threading.Tasks.Task Idle_shim_has_at_most_12_MB_in_memory()
    {
        const int most = 12 * 1024;
        await File.WriteAllTextAsync(Path.Combine(_shim.Bundle, "config.json"), "{}");
        await StartAsync();

        using var limit = new CancellationTokenSource(Patience);
        int resident;
        while ((resident = _shim.ServerResidentKilobytes) > most && !limit.IsCancellationRequested)
            await System.Threading.Tasks.Task.Delay(TimeSpan.FromMilliseconds(50));

        resident.Should().BeInRange(1, most);
    }

    [Fact]
    public async System.Threading.Tasks.Task Delete_after_a_killed_shim_removes_its_socket()
    {
        var socket = (await StartAsync())[Scheme.Length..];
        using (var server = PublishedShim.Find(_shim.ServerPid)!)
        {
            server.Kill();
            await server.WaitForExitAsync().WaitAsync(Patience);
        }

        File.Exists(socket).Should().BeTrue();
        var (code, output, _) = await _shim.RunAsync([], _shim.Line("-bundle", _shim.Bundle, "delete"));

        code.Should().Be(0);
        DeleteResponse.Parser.ParseFrom(output).ExitedAt.Seconds.Should().BePositive();
        File.Exists(socket).Should().BeFalse();
    }

    private async Task<string> StartAsync()
    {
        var (code, output, error) = await _shim.RunAsync([], _shim.Line("start"));
        code.Should().Be(0, error);
        error.Should().BeEmpty();
        return Encoding.UTF8.GetString(output);
    }

    /// <summary>
    /// An unknown container is NotFound to each; a handler that the native binary could not make would be Unknown.
    /// </summary>
    private async System.Threading.Tasks.Task SendEveryRequestAsync(TaskClient client)
    {
        var id = _shim.Id;
        (await client.ConnectAsync(new ConnectRequest { Id = id })).Version.Should().NotBeEmpty();
        (await Code(client.StateAsync(new StateRequest { Id = id }))).Should().Be(StatusCode.NotFound);
        (await Code(client.PidsAsync(new PidsRequest { Id = id }))).Should().Be(StatusCode.NotFound);
        (await Code(client.StatsAsync(new StatsRequest { Id = id }))).Should().Be(StatusCode.NotFound);
        (await Code(client.StartAsync(new StartRequest { Id = id }))).Should().Be(StatusCode.NotFound);
        (await Code(client.WaitAsync(new WaitRequest { Id = id }))).Should().Be(StatusCode.NotFound);
        (await Code(client.PauseAsync(new PauseRequest { Id = id }))).Should().Be(StatusCode.NotFound);
        (await Code(client.ResumeAsync(new ResumeRequest { Id = id }))).Should().Be(StatusCode.NotFound);
        (await Code(client.ResizePtyAsync(new ResizePtyRequest { Id = id, Width = 1, Height = 1 })))
            .Should().Be(StatusCode.NotFound);
        (await Code(client.CloseIOAsync(new CloseIORequest { Id = id, Stdin = true })))
            .Should().Be(StatusCode.NotFound);
        (await Code(client.UpdateAsync(new UpdateTaskRequest { Id = id, Resources = Json(OciResources) })))
            .Should().Be(StatusCode.NotFound);
        (await Code(client.ExecAsync(new ExecProcessRequest { Id = id, ExecId = "e1", Spec = Json(OciProcess) })))
            .Should().Be(StatusCode.NotFound);
        (await Code(client.CheckpointAsync(new CheckpointTaskRequest { Id = id })))
            .Should().Be(StatusCode.Unimplemented);
        // Without events' address the shim takes its caller for CRI-O, which wants these to succeed.
        (await Code(client.KillAsync(new KillRequest { Id = id, Signal = 1 }))).Should().Be(StatusCode.NotFound);
        (await Code(client.KillAsync(new KillRequest { Id = id, Signal = 9 }))).Should().Be(StatusCode.OK);
        (await Code(client.DeleteAsync(new DeleteRequest { Id = id }))).Should().Be(StatusCode.OK);
        // A configuration that is not there: refused before anything is taken.
        var options = new Platform.Protos.Containerd.RuntimeOptions.Options
        {
            ConfigPath = "/nonexistent/configuration.toml"
        };
        (await Code(client.CreateAsync(new CreateTaskRequest
        {
            Id = id,
            Bundle = _shim.Bundle,
            Options = new Any { TypeUrl = "runtimeoptions.v1.Options", Value = options.ToByteString() },
        }))).Should().Be(StatusCode.InvalidArgument);
    }

    private static Any Json(string type) => new() { TypeUrl = type, Value = ByteString.CopyFromUtf8("{}") };

    private static async Task<StatusCode> Code<T>(AsyncUnaryCall<T> call)
    {
        try
        {
            await call.ResponseAsync.WaitAsync(Patience);
            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }
}
