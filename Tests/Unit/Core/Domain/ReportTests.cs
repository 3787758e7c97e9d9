using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

public sealed class ReportTests
{
    [Fact]
    public void FailureReport_when_described_says_phase_time_cause_end_last_lines_and_remedy()
    {
        var report = new FailureReport
        {
            Phase = "launch-vmm",
            After = TimeSpan.FromMilliseconds(1234),
            Vmm = new VmmEnd(1, null),
            VmmErrors = ["could not open", "giving up"],
            Console = ["Kernel panic"],
            Hint = "load the module",
        };

        report.Describe("the VMM ended").Should().Be(
            "sandbox start failed in phase launch-vmm after 1.2 s: the VMM ended; the VMM ended with exit status 1; " +
            "VMM said: could not open | giving up; guest console: Kernel panic; hint: load the module");
    }

    [Fact]
    public void FailureReport_when_little_is_known_says_no_more() =>
        new FailureReport { What = "creation of container c", Phase = "hooks", After = TimeSpan.Zero }.Describe("no")
            .Should().Be("creation of container c failed in phase hooks after 0.0 s: no");

    [Theory]
    [InlineData(3, null, "exit status 3")]
    [InlineData(null, 9, "signal 9")]
    [InlineData(null, null, "exit status 255")]
    public void VmmEnd_is_told_by_status_or_signal(int? code, int? signal, string text) =>
        new VmmEnd(code, signal).ToString().Should().Be(text);

    [Fact]
    public void ResourceList_when_released_goes_backwards_and_by_owner()
    {
        var list = new ResourceList();
        var owner = ContainerId.Parse("c");
        var directory = new AcquiredResource(ResourceKind.Directory, "/d");
        var mount = new AcquiredResource(ResourceKind.Mount, "/d/m") { Owner = owner };
        var process = new AcquiredResource(ResourceKind.Process, "vmm");
        list.Record(directory);
        list.Record(process);
        list.Record(mount);
        list.Record(process with { ProcessId = 5, StartTime = 6 });

        list.ReleaseOrder().Should().Equal(mount, process with { ProcessId = 5, StartTime = 6 }, directory);
        list.ReleaseOrder(owner).Should().Equal(mount);
        list.Forget(process);
        list.Forget(process);
        list.Held.Should().Equal(directory, mount);
    }

    [Theory]
    [InlineData("io.kubernetes.cri.container-type", "sandbox", null, ContainerKind.PodSandbox, "me")]
    [InlineData("io.kubernetes.cri.container-type", "container", "io.kubernetes.cri.sandbox-id",
        ContainerKind.PodContainer, "pod")]
    [InlineData("io.kubernetes.cri-o.ContainerType", "container", "io.kubernetes.cri-o.SandboxID",
        ContainerKind.PodContainer, "pod")]
    [InlineData("io.kubernetes.docker.type", "podsandbox", null, ContainerKind.PodSandbox, "me")]
    [InlineData("other", "sandbox", null, ContainerKind.Single, "me")]
    public void Annotations_say_which_part_a_container_plays(
        string key, string type, string? sandboxKey, ContainerKind kind, string sandbox)
    {
        var annotations = new Dictionary<string, string> { [key] = type };
        if (sandboxKey is not null)
            annotations[sandboxKey] = "pod";

        ContainerAnnotations.Classify(annotations, "me").Should().Be((kind, SandboxId.Parse(sandbox)));
    }

    [Theory]
    [InlineData("container", null)]
    [InlineData("container", "../x")]
    [InlineData("elephant", "pod")]
    public void Annotations_when_they_contradict_themselves_are_refused(string type, string? sandbox)
    {
        var annotations = new Dictionary<string, string> { ["io.kubernetes.cri.container-type"] = type };
        if (sandbox is not null)
            annotations["io.kubernetes.cri.sandbox-id"] = sandbox;

        FluentActions.Invoking(() => ContainerAnnotations.Classify(annotations, "me")).Should().Throw<KataException>()
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public void Documents_that_hold_secrets_print_none_of_them()
    {
        var process = new OciProcess { Env = ["PASSWORD=x"], Args = ["secret"] };

        process.ToString().Should().NotContain("secret").And.NotContain("PASSWORD");
        new OciSpec { OciVersion = "1", Process = process }.ToString().Should().NotContain("secret");
    }
}
