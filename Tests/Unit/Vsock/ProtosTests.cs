using System.Text.Json.Nodes;
using FluentAssertions;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kata.Platform.Protos.Agent;
using Kata.Platform.Protos.Containerd.Bootstrap;
using Kata.Platform.Protos.Containerd.Events;
using Kata.Platform.Protos.Containerd.TaskV2;
using Xunit;
using Cgroups1 = Kata.Platform.Protos.Containerd.Cgroups1;
using Cgroups2 = Kata.Platform.Protos.Containerd.Cgroups2;
using CriRuntimeOptions = Kata.Platform.Protos.Containerd.CriRuntimeOptions;
using Runc = Kata.Platform.Protos.Containerd.Runc;
using RuntimeOptions = Kata.Platform.Protos.Containerd.RuntimeOptions;
using SandboxReflection = Kata.Platform.Protos.Containerd.Sandbox.SandboxReflection;
using TaskV3Reflection = Kata.Platform.Protos.Containerd.TaskV3.TaskV3Reflection;

namespace Kata.Tests.Unit.Vsock;

public class ProtosTests
{
    private static readonly JsonFormatter Formatter = new(
        JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));

    [Fact]
    public void Parse_when_message_was_recorded_from_upstream_says_the_same_again()
    {
        var calls = RecordedAgentCalls.Read();

        calls.Should().HaveCountGreaterThan(50);
        foreach (var call in calls)
        {
            var parsed = JsonParser.Default.Parse(call.Message.ToJsonString(), call.Descriptor);
            var again = call.Descriptor.Parser.ParseFrom(parsed.ToByteArray());

            JsonNode.DeepEquals(JsonNode.Parse(Formatter.Format(again)), call.Message)
                .Should().BeTrue("{0} is {1}", call.Method, Formatter.Format(again));
        }
    }

    [Theory]
    [InlineData("containerd.task.v2.Task", 17)]
    [InlineData("containerd.task.v3.Task", 17)]
    [InlineData("containerd.runtime.sandbox.v1.Sandbox", 9)]
    [InlineData("containerd.services.events.ttrpc.v1.Events", 1)]
    [InlineData("grpc.AgentService", 42)]
    [InlineData("grpc.Health", 2)]
    public void Service_when_looked_up_has_its_wire_name_and_methods(string name, int methods)
    {
        var services = new[] { TaskV2Reflection.Descriptor, TaskV3Reflection.Descriptor, SandboxReflection.Descriptor, EventsServiceReflection.Descriptor, AgentReflection.Descriptor, HealthReflection.Descriptor }
            .SelectMany(f => f.Services);

        services.Single(s => s.FullName == name).Methods.Should().HaveCount(methods);
    }

    [Fact]
    public void Parse_when_bytes_are_made_by_hand_finds_each_field_by_its_number()
    {
        // id=1 "c", terminal=4 true, stdout=6 "o", options=10 Any { type_url=1 "t" }
        var create = CreateTaskRequest.Parser.ParseFrom(
            [0x0a, 1, (byte)'c', 0x20, 1, 0x32, 1, (byte)'o', 0x52, 3, 0x0a, 1, (byte)'t']);

        create.Id.Should().Be("c");
        create.Terminal.Should().BeTrue();
        create.Stdout.Should().Be("o");
        create.Options.TypeUrl.Should().Be("t");
    }

    [Fact]
    public void Write_when_field_one_does_not_exist_begins_with_field_two()
    {
        new ReseedRandomDevRequest { Data = ByteString.CopyFrom(7) }.ToByteArray().Should().Equal(0x12, 1, 7);
        new FSGroup { GroupId = 5 }.ToByteArray().Should().Equal(0x10, 5);
    }

    [Fact]
    public void Write_when_seccomp_errno_is_zero_still_sends_it()
    {
        new LinuxSyscall { Errnoret = 0 }.ToByteArray().Should().Equal(0x18, 0);
        new LinuxSyscall().ToByteArray().Should().BeEmpty();
    }

    [Fact]
    public void Write_when_log_level_is_negative_takes_ten_bytes()
    {
        var bytes = new BootstrapParams { LogLevel = LogLevel.Trace }.ToByteArray();

        bytes.Should().Equal(0x18, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
    }

    [Fact]
    public void Name_when_event_is_packed_is_what_the_daemon_expects()
    {
        TaskExit.Descriptor.FullName.Should().Be("containerd.events.TaskExit");
        TaskOOM.Descriptor.FullName.Should().Be("containerd.events.TaskOOM");
        Cgroups2.Metrics.Descriptor.FullName.Should().Be("io.containerd.cgroups.v2.Metrics");
        Cgroups1.Metrics.Descriptor.FullName.Should().Be("io.containerd.cgroups.v1.Metrics");
        Runc.Options.Descriptor.FullName.Should().Be("containerd.runc.v1.Options");
        RuntimeOptions.Options.Descriptor.FullName.Should().Be("runtimeoptions.v1.Options");
        CriRuntimeOptions.Options.Descriptor.FullName.Should().Be("cri.runtimeoptions.v1.Options");
    }

    [Fact]
    public void Write_when_sub_message_is_empty_keeps_it_present()
    {
        var metrics = new Cgroups2.Metrics { Pids = new() };

        metrics.ToByteArray().Should().Equal(0x0a, 0);
        Any.Pack(metrics).TypeUrl.Should().EndWith("/io.containerd.cgroups.v2.Metrics");
    }
}
