using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>More than one container.</summary>
public sealed class ManyContainersTests(PrivateContainerd host) : EndToEndTest(host)
{
    [Fact]
    [Trait("peers", "no")]
    public Task Two_containers_one_after_another_leave_nothing() => RunOneAfterAnotherAsync(2);

    [Fact]
    [Trait("category", "matrix")]
    public Task Ten_containers_one_after_another_leave_nothing() => RunOneAfterAnotherAsync(10);

    [Fact]
    [Trait("peers", "no")]
    public async Task Three_containers_at_once_keep_apart()
    {
        var limit = TestSettings.StartLimit * 2;
        var runs = Enumerable.Range(0, 3).Select(async i =>
        {
            var result = await Host.CtrAsync(limit, default, PrivateContainerd.RunArguments(
                Host.NewId("crowd"), ["--rm"], "sh", "-c", $"echo number {i}; exit {i + 20}"));
            return (i, result);
        });

        foreach (var (i, result) in await Task.WhenAll(runs))
        {
            result.ExitCode.Should().Be(i + 20, result.Stderr);
            result.Stdout.Should().Be($"number {i}\n");
        }
    }

    private async Task RunOneAfterAnotherAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var result = await Host.RunAsync(Host.NewId("series"), "echo", $"number {i}");

            result.Exited(0).Stdout.Should().Be($"number {i}\n");
        }
    }
}
