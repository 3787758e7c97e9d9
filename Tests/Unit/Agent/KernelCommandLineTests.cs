using FluentAssertions;
using Kata.Apps.Agent;
using Kata.Apps.Agent.Boot;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public class KernelCommandLineTests
{
    [Fact]
    public void Parse_when_nothing_is_for_the_agent_gives_the_defaults()
    {
        var options = KernelCommandLine.Parse("console=ttyS0 quiet panic=-1 systemd.unified_cgroup_hierarchy=1\n");

        options.Should().BeEquivalentTo(new AgentOptions());
    }

    [Fact]
    public void Parse_when_the_host_sets_all_takes_each()
    {
        var options = KernelCommandLine.Parse(
            "agent.log=debug agent.debug_console agent.debug_console_vport=1026 agent.log_vport=1025 agent.container_pipe_size=65536 agent.hotplug_timeout=7 agent.server_addr=vsock://-1:2048");

        options.LogLevel.Should().Be(AgentLogLevel.Debug);
        options.DebugConsole.Should().BeTrue();
        options.DebugConsolePort.Should().Be(1026);
        options.LogPort.Should().Be(1025);
        options.ContainerPipeSize.Should().Be(65536);
        options.HotplugTimeout.Should().Be(TimeSpan.FromSeconds(7));
        options.ServerPort.Should().Be(2048);
        options.Complaints.Should().BeEmpty();
    }

    [Theory]
    [InlineData("agent.log=loud")]
    [InlineData("agent.log")]
    [InlineData("agent.hotplug_timeout=-1")]
    [InlineData("agent.debug_console_vport=many")]
    [InlineData("agent.server_addr=tcp://1:2")]
    [InlineData("agent.server_addr=vsock://-1:0")]
    public void Parse_when_a_value_is_wrong_keeps_the_default_and_complains(string word)
    {
        var options = KernelCommandLine.Parse(word);

        options.Complaints.Should().ContainSingle().Which.Should().Contain(word);
        (options with { Complaints = [] }).Should().BeEquivalentTo(new AgentOptions());
    }

    [Fact]
    public void Parse_when_the_console_word_has_a_value_is_not_the_console_word() =>
        KernelCommandLine.Parse("agent.debug_console=1").DebugConsole.Should().BeFalse();

    [Fact]
    public void Parse_when_a_timeout_is_zero_keeps_the_default() =>
        KernelCommandLine.Parse("agent.hotplug_timeout=0")
            .HotplugTimeout.Should().Be(new AgentOptions().HotplugTimeout);

    [Fact]
    public void Parse_when_the_server_is_a_unix_socket_takes_its_path() =>
        KernelCommandLine.Parse("agent.server_addr=unix:///run/agent.sock").UnixSocket.Should().Be("/run/agent.sock");
}
