using FluentAssertions;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Adapters.Shimv2.Tasks;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Processes;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Containerd.Runc;
using Kata.Platform.Protos.Containerd.TaskV2;
using Kata.Tests.Harness;
using MediatR;
using Moq;
using Xunit;
using TaskClient = Kata.Platform.Protos.Containerd.TaskV2.Task.TaskClient;
using TaskClientV3 = Kata.Platform.Protos.Containerd.TaskV3.Task.TaskClient;
using Types = Kata.Platform.Protos.Containerd.Types;

namespace Kata.Tests.Unit.Shimv2;

/// <summary>The task service over a real ttRPC connection; behind it a sender that remembers.</summary>
public sealed class TaskServiceTests : IAsyncLifetime
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly Timestamp Then = Timestamp.FromDateTimeOffset(At);
    private static readonly ContainerId C1 = ContainerId.Parse("c1");
    private static readonly ProcessRef Init = new(C1);
    private static readonly ProcessRef Exec1 = new(C1, ExecId.Parse("e1"));
    private static readonly Stdio Streams = new("/in", "/out", "/err", false);
    private readonly TtrpcPair _pair = new();
    private readonly Mock<ISender> _sender = new(MockBehavior.Strict);
    private readonly ManualTime _time = new();
    private readonly IdleMemory _memory;
    private int _released;
    private TaskClient _client = null!;

    public TaskServiceTests() => _memory = new IdleMemory(_time, () => 0, () => _released++);

    public System.Threading.Tasks.Task InitializeAsync() => ServeAsync("/run/containerd.sock.ttrpc");

    public async System.Threading.Tasks.Task DisposeAsync()
    {
        await _pair.DisposeAsync();
        _memory.Dispose();
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public async System.Threading.Tasks.Task Memory_is_given_back_while_a_call_only_waits(bool waits, int released)
    {
        var arrived = new TaskCompletionSource();
        Keep<WaitProcessReply>(arrived);
        Keep<Done>(arrived);

        _ = waits ? _client.WaitAsync(new WaitRequest { Id = "c1" }).ResponseAsync
            : (System.Threading.Tasks.Task)_client.PauseAsync(new PauseRequest { Id = "c1" }).ResponseAsync;
        await arrived.Task;
        _time.Advance(TimeSpan.FromHours(1));

        _released.Should().Be(released);
    }

    [Fact]
    public async System.Threading.Tasks.Task Create_carries_everything_and_answers_the_pid()
    {
        CreateContainer? sent = null;
        _sender.Setup(s => s.Send(It.IsAny<IRequest<CreateContainerReply>>(), It.IsAny<CancellationToken>()))
            .Callback((IRequest<CreateContainerReply> request, CancellationToken _) => sent = (CreateContainer)request)
            .ReturnsAsync(new CreateContainerReply(42));

        var answer = await _client.CreateAsync(new CreateTaskRequest
        {
            Id = "c1",
            Bundle = "/bundle",
            Rootfs = { new Types.Mount
            {
                Type = "overlay",
                Source = "overlay",
                Target = "",
                Options = { "lowerdir=/a" }
            } },
            Stdin = "/in",
            Stdout = "/out",
            Stderr = "/err",
            Options = new Any
            {
                TypeUrl = "runtimeoptions.v1.Options",
                Value = new Platform.Protos.Containerd.RuntimeOptions.Options
                {
                    ConfigPath = "/c.toml",
                    ConfigBody = ByteString.CopyFromUtf8("x")
                }.ToByteString(),
            },
        });

        answer.Pid.Should().Be(42);
        sent!.Id.Should().Be(C1);
        sent.Bundle.Value.Should().Be("/bundle");
        sent.Stdio.Should().Be(Streams);
        sent.Rootfs.Should().ContainSingle().Which.Options.Should().Equal("lowerdir=/a");
        sent.Options!.ConfigPath.Should().Be("/c.toml");
        sent.Options.ConfigBody!.Value.ToArray().Should().Equal((byte)'x');
    }

    [Theory]
    [InlineData("containerd.runc.v1.Options")]
    [InlineData("something.else")]
    public void Options_of_another_runtime_are_passed_over(string type)
    {
        TaskMapping.ToOptions(new Any { TypeUrl = type, Value = ByteString.CopyFromUtf8("\u0008\u0001") })
            .Should().BeNull();
    }

    [Theory]
    [InlineData("cri.runtimeoptions.v1.Options")]
    [InlineData("type.googleapis.com/runtimeoptions.v1.Options")]
    public void Options_under_their_other_names_are_read(string type)
    {
        var any = new Any
        {
            TypeUrl = type,
            Value = new Platform.Protos.Containerd.RuntimeOptions.Options { ConfigPath = "/c" }.ToByteString()
        };

        TaskMapping.ToOptions(any)!.ConfigPath.Should().Be("/c");
    }

    [Fact]
    public async System.Threading.Tasks.Task Create_from_a_checkpoint_is_unimplemented() =>
        (await Code(() => _client.CreateAsync(new CreateTaskRequest
        {
            Id = "c1",
            Bundle = "/b",
            Checkpoint = "/x"
        }).ResponseAsync)).Should().Be(StatusCode.Unimplemented);

    [Fact]
    public async System.Threading.Tasks.Task Start_of_init_and_exec_names_the_process()
    {
        Expect(new StartProcess(Init), new StartProcessReply(7));
        Expect(new StartProcess(Exec1), new StartProcessReply(8));

        (await _client.StartAsync(new StartRequest { Id = "c1" })).Pid.Should().Be(7);
        (await _client.StartAsync(new StartRequest { Id = "c1", ExecId = "e1" })).Pid.Should().Be(8);
    }

    [Fact]
    public async System.Threading.Tasks.Task Exec_carries_the_spec_as_it_is()
    {
        AddExec? sent = null;
        _sender.Setup(s => s.Send(It.IsAny<IRequest<Done>>(), It.IsAny<CancellationToken>()))
            .Callback((IRequest<Done> request, CancellationToken _) => sent = (AddExec)request)
                .ReturnsAsync(Done.Value);

        await _client.ExecAsync(new ExecProcessRequest
        {
            Id = "c1",
            ExecId = "e1",
            Terminal = true,
            Stdout = "/out",
            Spec = new Any { TypeUrl = TypeUrl.OciProcess, Value = ByteString.CopyFromUtf8("{\"args\":[]}") },
        });

        sent!.Process.Should().Be(Exec1);
        sent.Stdio.Should().Be(new Stdio("", "/out", "", true));
        System.Text.Encoding.UTF8.GetString(sent.SpecJson.Span).Should().Be("{\"args\":[]}");
    }

    [Fact]
    public async System.Threading.Tasks.Task Exec_without_an_id_or_with_another_spec_is_refused()
    {
        (await Code(() => _client.ExecAsync(new ExecProcessRequest
        {
            Id = "c1",
            Spec = new Any { TypeUrl = TypeUrl.OciProcess }
        }).ResponseAsync)).Should().Be(StatusCode.InvalidArgument);
        (await Code(() => _client.ExecAsync(new ExecProcessRequest { Id = "c1", ExecId = "e1" }).ResponseAsync))
            .Should().Be(StatusCode.InvalidArgument);
    }

    [Fact]
    public async System.Threading.Tasks.Task Kill_sends_the_signal()
    {
        Expect(new SignalProcess(Init, Signal.Parse(37), true), Done.Value);

        await _client.KillAsync(new KillRequest { Id = "c1", Signal = 37, All = true });

        (await Code(() => _client.KillAsync(new KillRequest { Id = "c1", Signal = 65 }).ResponseAsync))
            .Should().Be(StatusCode.InvalidArgument);
    }

    [Theory]
    [InlineData(ProcessStatus.Running, StatusCode.OK)]
    [InlineData(ProcessStatus.Stopped, StatusCode.NotFound)]
    public async System.Threading.Tasks.Task Kill_with_signal_0_only_asks(ProcessStatus status, StatusCode expected)
    {
        Expect(new GetProcessState(Init), State(status));

        (await Code(() => _client.KillAsync(new KillRequest { Id = "c1", Signal = 0 }).ResponseAsync))
            .Should().Be(expected);
    }

    [Fact]
    public async System.Threading.Tasks.Task Kill_and_Delete_of_what_is_gone_answer_containerd_NotFound()
    {
        Refuse<Done>(ContainerErrors.AlreadyFinished(Init));
        Refuse<DeleteProcessReply>(ContainerErrors.NotFound(C1));

        (await Code(() => _client.KillAsync(new KillRequest { Id = "c1", Signal = 9 }).ResponseAsync))
            .Should().Be(StatusCode.NotFound);
        (await Code(() => _client.DeleteAsync(new DeleteRequest { Id = "c1" }).ResponseAsync))
            .Should().Be(StatusCode.NotFound);
    }

    [Fact]
    public async System.Threading.Tasks.Task Kill_and_Delete_of_what_is_gone_answer_cri_o_success()
    {
        await _pair.StopServingAsync();
        await ServeAsync("");
        Refuse<Done>(ContainerErrors.AlreadyFinished(Init));
        Refuse<DeleteProcessReply>(ContainerErrors.NotFound(C1));

        (await Code(() => _client.KillAsync(new KillRequest { Id = "c1", Signal = 15 }).ResponseAsync))
            .Should().Be(StatusCode.OK);
        (await Code(() => _client.KillAsync(new KillRequest { Id = "c1", Signal = 9 }).ResponseAsync))
            .Should().Be(StatusCode.OK);
        (await Code(() => _client.KillAsync(new KillRequest { Id = "c1", Signal = 1 }).ResponseAsync))
            .Should().Be(StatusCode.NotFound);
        (await Code(() => _client.DeleteAsync(new DeleteRequest { Id = "c1" }).ResponseAsync))
            .Should().Be(StatusCode.OK);
    }

    [Fact]
    public async System.Threading.Tasks.Task Delete_answers_how_it_ended()
    {
        Expect(new DeleteProcess(Exec1), new DeleteProcessReply(9, new ExitStatus(3, At)));

        (await _client.DeleteAsync(new DeleteRequest { Id = "c1", ExecId = "e1" }))
            .Should().Be(new DeleteResponse { Pid = 9, ExitStatus = 3, ExitedAt = Then });
    }

    [Fact]
    public async System.Threading.Tasks.Task Pause_Resume_and_CloseIO_name_their_process()
    {
        Expect(new PauseContainer(C1), Done.Value);
        Expect(new ResumeContainer(C1), Done.Value);
        Expect(new CloseStdin(Exec1), Done.Value);

        await _client.PauseAsync(new PauseRequest { Id = "c1" });
        await _client.ResumeAsync(new ResumeRequest { Id = "c1" });
        await _client.CloseIOAsync(new CloseIORequest { Id = "c1", ExecId = "e1", Stdin = true });
        await _client.CloseIOAsync(new CloseIORequest { Id = "c1", Stdin = false });

        _sender.VerifyAll();
    }

    [Fact]
    public async System.Threading.Tasks.Task Update_carries_the_limits_and_refuses_other_types()
    {
        UpdateContainer? sent = null;
        _sender.Setup(s => s.Send(It.IsAny<IRequest<Done>>(), It.IsAny<CancellationToken>()))
            .Callback((IRequest<Done> request, CancellationToken _) => sent = (UpdateContainer)request)
                .ReturnsAsync(Done.Value);

        await _client.UpdateAsync(
            new UpdateTaskRequest
            {
                Id = "c1",
                Resources = new Any { TypeUrl = TypeUrl.OciLinuxResources, Value = ByteString.CopyFromUtf8("{}") }
            });

        System.Text.Encoding.UTF8.GetString(sent!.ResourcesJson.Span).Should().Be("{}");
        (await Code(() => _client.UpdateAsync(new UpdateTaskRequest
        {
            Id = "c1",
            Resources = new Any { TypeUrl = "x" }
        }).ResponseAsync)).Should().Be(StatusCode.InvalidArgument);
    }

    [Fact]
    public async System.Threading.Tasks.Task ResizePty_keeps_columns_and_rows_apart()
    {
        Expect(new ResizeTerminal(Init, new TerminalSize(Columns: 12, Rows: 34)), Done.Value);

        await _client.ResizePtyAsync(new ResizePtyRequest { Id = "c1", Width = 12, Height = 34 });

        _sender.VerifyAll();
    }

    [Theory]
    [InlineData(ProcessStatus.Created, Types.Status.Created)]
    [InlineData(ProcessStatus.Running, Types.Status.Running)]
    [InlineData(ProcessStatus.Paused, Types.Status.Paused)]
    public async System.Threading.Tasks.Task State_of_the_living_has_no_exit(
        ProcessStatus status, Types.Status expected)
    {
        Expect(new GetProcessState(Exec1), State(status));

        (await _client.StateAsync(new StateRequest { Id = "c1", ExecId = "e1" })).Should().Be(new StateResponse
        {
            Id = "c1",
            ExecId = "e1",
            Bundle = "/b",
            Pid = 5,
            Status = expected,
            Stdin = "/in",
            Stdout = "/out",
            Stderr = "/err",
        });
    }

    [Fact]
    public async System.Threading.Tasks.Task State_of_the_stopped_says_when_and_how()
    {
        Expect(new GetProcessState(Init), State(ProcessStatus.Stopped) with { Exit = new ExitStatus(137, At) });

        var state = await _client.StateAsync(new StateRequest { Id = "c1" });

        state.Should().Match<StateResponse>(
            s => s.Status == Types.Status.Stopped && s.ExitStatus == 137 && s.ExitedAt.Equals(Then));
    }

    [Fact]
    public async System.Threading.Tasks.Task Wait_answers_the_exit()
    {
        Expect(new WaitProcess(Init), new WaitProcessReply(new ExitStatus(2, At)));

        (await _client.WaitAsync(new WaitRequest { Id = "c1" }))
            .Should().Be(new WaitResponse { ExitStatus = 2, ExitedAt = Then });
    }

    [Fact]
    public async System.Threading.Tasks.Task Pids_tells_execs_by_their_id()
    {
        Expect(
            new ListProcesses(C1),
            new ListProcessesReply([new ListedProcess(5, null), new ListedProcess(5, ExecId.Parse("e1"))]));

        var pids = await _client.PidsAsync(new PidsRequest { Id = "c1" });

        pids.Processes.Should().HaveCount(2);
        pids.Processes[0].Info.Should().BeNull();
        pids.Processes[1].Info.TypeUrl.Should().Be("containerd.runc.v1.ProcessDetails");
        ProcessDetails.Parser.ParseFrom(pids.Processes[1].Info.Value).ExecId.Should().Be("e1");
    }

    [Fact]
    public async System.Threading.Tasks.Task Stats_Connect_and_Shutdown_answer()
    {
        Expect(new GetContainerStats(C1), new GetContainerStatsReply(new ContainerStats { Pids = 3 }, Unified: true));
        Expect(new GetShimIdentity(C1), new GetShimIdentityReply(1, 2, "3"));
        Expect(new ShutDownShim(true), new ShutDownShimReply(true));

        (await _client.StatsAsync(new StatsRequest { Id = "c1" }))
            .Stats.TypeUrl.Should().Be("io.containerd.cgroups.v2.Metrics");
        (await _client.ConnectAsync(new ConnectRequest { Id = "c1" }))
            .Should().Be(new ConnectResponse { ShimPid = 1, TaskPid = 2, Version = "3" });
        (await _client.ShutdownAsync(new ShutdownRequest { Id = "c1", Now = true })).Should().Be(new Empty());
    }

    [Theory]
    [InlineData("")]
    [InlineData("../x")]
    public async System.Threading.Tasks.Task Connect_when_the_id_is_none_answers_who_is_here(string id)
    {
        Expect(new GetShimIdentity(null), new GetShimIdentityReply(1, 0, "3"));

        (await _client.ConnectAsync(new ConnectRequest { Id = id }))
            .Should().Be(new ConnectResponse { ShimPid = 1, Version = "3" });
    }

    [Fact]
    public async System.Threading.Tasks.Task Checkpoint_is_unimplemented() =>
        (await Code(() => _client.CheckpointAsync(new CheckpointTaskRequest { Id = "c1" }).ResponseAsync))
            .Should().Be(StatusCode.Unimplemented);

    [Fact]
    public async System.Threading.Tasks.Task The_same_service_answers_under_its_newer_name()
    {
        Expect(new StartProcess(Init), new StartProcessReply(7));

        (await new TaskClientV3(await _pair.ConnectAsync()).StartAsync(new StartRequest { Id = "c1" }))
            .Pid.Should().Be(7);
    }

    [Theory]
    [InlineData("../etc")]
    [InlineData("")]
    [InlineData("a b")]
    public async System.Threading.Tasks.Task An_id_that_is_none_is_refused_everywhere(string id)
    {
        (await Code(() => _client.StartAsync(new StartRequest { Id = id }).ResponseAsync))
            .Should().Be(StatusCode.InvalidArgument);
        (await Code(() => _client.PauseAsync(new PauseRequest { Id = id }).ResponseAsync))
            .Should().Be(StatusCode.InvalidArgument);
        (await Code(() => _client.StatsAsync(new StatsRequest { Id = id }).ResponseAsync))
            .Should().Be(StatusCode.InvalidArgument);
        (await Code(() => _client.CreateAsync(new CreateTaskRequest { Id = id, Bundle = "/b" }).ResponseAsync))
            .Should().Be(StatusCode.InvalidArgument);
        (await Code(() => _client.CreateAsync(new CreateTaskRequest { Id = "c1", Bundle = "b/../.." }).ResponseAsync))
            .Should().Be(StatusCode.InvalidArgument);
    }

    [Fact]
    public async System.Threading.Tasks.Task A_fault_of_ours_is_answered_Unknown()
    {
        _sender.Setup(s => s.Send(It.IsAny<IRequest<StartProcessReply>>(), It.IsAny<CancellationToken>()))
            .ThrowsAsync(new InvalidOperationException("bug"));

        (await Code(() => _client.StartAsync(new StartRequest { Id = "c1" }).ResponseAsync))
            .Should().Be(StatusCode.Unknown);
    }

    private static GetProcessStateReply State(ProcessStatus status) =>
        new(HostPath.Parse("/b", "bundle"), 5, status, Streams, null);

    private static async Task<StatusCode> Code<T>(Func<Task<T>> call)
    {
        try
        {
            await call();
            return StatusCode.OK;
        }
        catch (RpcException e)
        {
            return e.StatusCode;
        }
    }

    private void Expect<TReply>(IRequest<TReply> request, TReply reply) =>
        _sender.Setup(
            s =>
                s.Send(It.Is<IRequest<TReply>>(sent => sent.Equals(request)),
                    It.IsAny<CancellationToken>())).ReturnsAsync(reply);

    private void Keep<TReply>(TaskCompletionSource arrived) =>
        _sender.Setup(s => s.Send(It.IsAny<IRequest<TReply>>(), It.IsAny<CancellationToken>()))
            .Callback(() => arrived.TrySetResult())
            .Returns(new TaskCompletionSource<TReply>().Task);

    private void Refuse<TReply>(KataException failure) =>
        _sender.Setup(s => s.Send(It.IsAny<IRequest<TReply>>(), It.IsAny<CancellationToken>())).ThrowsAsync(failure);

    private async System.Threading.Tasks.Task ServeAsync(string eventsAddress)
    {
        var service = new TaskService(
            _sender.Object, new CrioCompatibility(new ShimEnvironment("default", eventsAddress), TimeProvider.System));
        _pair.Serve(server => ShimServer.AddTaskService(server, service, _memory));
        _client = new TaskClient(await _pair.ConnectAsync());
    }
}
