using System.Globalization;
using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>
/// Six power cuts at random moments of a start or a stop, each followed by a boot that must find a usable host; on two
/// hosts at once, as one leaves the machine idle half of the time.
/// </summary>
[Trait("category", "matrix")]
public sealed class PowerCutTests : IAsyncLifetime
{
    private static readonly int Cuts = int.Parse(
        Environment.GetEnvironmentVariable("KATA_TEST_POWER_CUTS") ?? "6", CultureInfo.InvariantCulture);

    private const int Hosts = 2;

    private readonly string _directory = Directory.CreateTempSubdirectory("kata-powercut-").FullName;
    private string _share = "";

    public async Task InitializeAsync() => _share = await HostContainerd.PrepareAsync();

    public Task DisposeAsync()
    {
        Directory.Delete(_directory, recursive: true);
        Directory.Delete(_share, recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public Task Run_after_a_power_cut_works_and_finds_nothing_of_the_last_life() =>
        Task.WhenAll(Enumerable.Range(0, Hosts).Select(host => LivesAsync(host, (Cuts + Hosts - 1 - host) / Hosts)));

    private async Task LivesAsync(int host, int cuts)
    {
        var disk = Path.Combine(_directory, $"disk-{host.ToString(CultureInfo.InvariantCulture)}");
        await TestHostMachine.CreateDiskAsync(disk, 1024);
        var seed = Environment.TickCount + host;
        var random = new Random(seed);
        var options = new TestHostOptions { Directory = TestSettings.LogDirectory, Disk = disk };

        var faults = 0;
        for (var cut = 0; cut <= cuts;)
        {
            var because = $"cut {cut.ToString(CultureInfo.InvariantCulture)} of {cuts.ToString(CultureInfo.InvariantCulture)}, seed {seed.ToString(CultureInfo.InvariantCulture)}";
            await using var machine = await TestHostMachine.StartAsync(options);
            try
            {
                await LiveAsync(machine, $"{cut}-{faults}", cut == cuts, because, random);
                cut++;
            }
            catch (Exception e) when (faults < 3)
            {
                if (!await machine.IsExcusedAsync(e, because))
                    throw;
                // As good as a power cut for what comes after it; says nothing about what is tested.
                faults++;
            }
        }
    }

    private async Task LiveAsync(TestHostMachine machine, string name, bool isLast, string because, Random random)
    {
        var host = await HostContainerd.StartAsync(machine, _share);

        var first = await host.RunAsync(HostContainerd.Run($"first-{name}", "echo works"));

        first.ExitCode.Should().Be(0, $"{because}: {first.Stdout}");
        first.Stdout.Should().Contain("works\n", because);
        // The records of the last life's containers are containerd's; its user can remove them at once.
        (await host.RunAsync("for c in $(ctr containers ls -q); do ctr containers delete $c || exit 1; done"))
            .ExitCode.Should().Be(0, because);
        (await host.DifferenceAsync()).Should().BeEmpty(because);
        (await host.RunAsync("find /var/lib -path '*kata*' -not -path '/var/lib/containerd/*'; find /var/lib/containerd/io.containerd.runtime.v2.task -type f")).Stdout.Should().BeEmpty(because);
        if (isLast)
            return;

        // A start takes a few seconds and is followed at once by a stop: a cut within both meets either.
        var life = Never(host.RunAsync(HostContainerd.Run($"cut-{name}", "true")));
        await Task.WhenAny(life, Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * 1.2 * first.Took.TotalSeconds)));
        await machine.PowerCutAsync();
        await life;
    }

    // The command either ends before the cut or never.
    private static async Task Never(Task running)
    {
        try
        {
            await running;
        }
        catch (InvalidOperationException)
        {
        }
    }
}
