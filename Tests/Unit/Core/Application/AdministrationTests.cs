using System.Text;
using FluentAssertions;
using Kata.Core.Application;
using Kata.Core.Application.Administration;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Moq;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>What an administrator asks of a host.</summary>
public sealed class AdministrationTests : IAsyncDisposable
{
    private static readonly HostPath Volume = HostPath.Parse("/csi/a", "volume");
    private static readonly SandboxId Pod = SandboxId.Parse("pod");
    private static readonly SandboxOwner Crio = new("default", "");

    private readonly HarnessHost _host = new(new FaultSchedule());
    private readonly HarnessStore _store;
    private readonly HarnessSettings _settings;
    private readonly HarnessAssets _assets;
    private readonly Mock<IHostDevices> _devices = new();
    private readonly Mock<IDirectVolumes> _volumes = new(MockBehavior.Strict);
    private readonly Mock<IShimManagement> _shims = new(MockBehavior.Strict);
    private readonly ServiceProvider _services;

    public AdministrationTests()
    {
        _store = new HarnessStore(_host);
        _settings = new HarnessSettings(_host);
        _assets = new HarnessAssets(_host);
        _services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<ISandboxStore>(_store)
            .AddSingleton<ISettingsSource>(_settings)
            .AddSingleton<IBootAssets>(_assets)
            .AddSingleton<ISharedFilesystem>(new HarnessShares(_host))
            .AddSingleton(_devices.Object)
            .AddSingleton(_volumes.Object)
            .AddSingleton(_shims.Object)
            .AddAdministration()
            .BuildServiceProvider();
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    [Fact]
    public async Task Check_when_all_is_there_can_run_and_notes_what_is_slow()
    {
        _devices.Setup(devices => devices.CanOpen(HostPath.Parse("/dev/kvm", "kvm"))).Returns(true);

        var reply = await SendAsync(new CheckHost());

        reply.CanRun.Should().BeTrue();
        reply.Findings.Select(finding => finding.Weight).Should().Equal(
            FindingWeight.Ok, FindingWeight.Ok, FindingWeight.Ok, FindingWeight.Ok, FindingWeight.Note);
        reply.Findings[0].Text.Should().Be("configuration the harness");
        reply.Findings[1].Text.Should().Contain("/boot/kernel").And.Contain("initrd /boot/initrd");
        reply.Findings[4].Text.Should().StartWith("guest channel /dev/vhost-vsock cannot be opened: ");
    }

    [Fact]
    public async Task Check_when_settings_contradict_says_what_a_start_would()
    {
        _settings.Settings = _settings.Settings with
        {
            Hypervisor = _settings.Settings.Hypervisor with { MemoryMib = 127 }
        };

        var reply = await SendAsync(new CheckHost());

        reply.CanRun.Should().BeFalse();
        reply.Findings.Should().Equal(new HostFinding(
            FindingWeight.Missing, "the harness: default_memory is 127 MiB; a guest needs at least 128"));
    }

    [Fact]
    public async Task Check_when_the_kernel_is_missing_looks_on_for_the_rest()
    {
        _assets.Missing.Add("/boot/kernel");

        var reply = await SendAsync(new CheckHost());

        reply.CanRun.Should().BeFalse();
        reply.Findings.Should().HaveCount(5);
        reply.Findings[1].Weight.Should().Be(FindingWeight.Missing);
        reply.Findings[1].Text.Should().Contain("/boot/kernel");
    }

    [Fact]
    public async Task Check_when_no_files_are_shared_asks_for_no_daemon()
    {
        _settings.Settings = _settings.Settings with
        {
            Hypervisor = _settings.Settings.Hypervisor with { SharedFs = "none" }
        };

        var reply = await SendAsync(new CheckHost());

        reply.Findings.Should().NotContain(finding => finding.Text.Contains("virtio_fs_daemon"));
    }

    [Fact]
    public async Task List_tells_sandboxes_with_and_without_a_snapshot_in_order()
    {
        _store.HoldByOther(SandboxId.Parse("b"), Crio, alive: true);
        _store.HoldByOther(SandboxId.Parse("a"), Crio, alive: true);
        await _store.SaveAsync(
            new SandboxSnapshot { Sandbox = SandboxId.Parse("a"), Owner = Crio, State = SandboxState.Ready }, default);

        var reply = await SendAsync(new ListSandboxes());

        reply.Sandboxes.Select(sandbox => (sandbox.Id.Value, sandbox.Snapshot?.State))
            .Should().Equal(("a", SandboxState.Ready), ("b", null));
    }

    [Fact]
    public async Task Usage_of_a_volume_is_what_the_shim_of_its_user_says()
    {
        _volumes.Setup(volumes => volumes.FindUserAsync(Volume, It.IsAny<CancellationToken>())).ReturnsAsync(Pod);
        _shims.Setup(shims => shims.GetVolumeUsageAsync(Pod, Volume, It.IsAny<CancellationToken>()))
            .ReturnsAsync("{}");

        (await SendAsync(new GetDirectVolumeUsage(Volume))).Json.Should().Be("{}");
    }

    [Fact]
    public async Task Requests_about_a_volume_that_no_pod_uses_are_not_found()
    {
        _volumes.Setup(volumes => volumes.FindUserAsync(Volume, It.IsAny<CancellationToken>()))
            .ReturnsAsync((SandboxId?)null);

        foreach (var act in (Func<Task>[])
            [() => SendAsync(new GetDirectVolumeUsage(Volume)), () => SendAsync(new ResizeDirectVolume(Volume, 512))])
        {
            (await act.Should().ThrowAsync<KataException>()
                .WithMessage("no running pod uses a direct volume of /csi/a"))
                .Which.Kind.Should().Be(ErrorKind.NotFound);
        }
    }

    [Theory]
    [InlineData(512, true)]
    [InlineData(1 << 30, true)]
    [InlineData(0, false)]
    [InlineData(-512, false)]
    [InlineData(513, false)]
    public async Task Resize_takes_whole_sectors_and_refuses_others_before_anything_is_asked(long bytes, bool taken)
    {
        if (taken)
        {
            _volumes.Setup(volumes => volumes.FindUserAsync(Volume, It.IsAny<CancellationToken>())).ReturnsAsync(Pod);
            _shims.Setup(shims => shims.ResizeVolumeAsync(Pod, Volume, bytes, It.IsAny<CancellationToken>()))
                .Returns(Task.CompletedTask);
        }

        var act = () => SendAsync(new ResizeDirectVolume(Volume, bytes));

        if (taken)
            await act.Should().NotThrowAsync();
        else
            (await act.Should().ThrowAsync<KataException>()
                .WithMessage($"the size of a volume must be a positive multiple of 512, not {bytes}"))
                .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        _shims.VerifyAll();
        _shims.VerifyNoOtherCalls();
        _volumes.VerifyAll();
    }

    [Fact]
    public async Task Announcement_without_a_document_is_refused_and_another_goes_to_the_port()
    {
        ReadOnlyMemory<byte> document = Encoding.UTF8.GetBytes("{}");
        _volumes.Setup(volumes => volumes.AddAsync(Volume, document, It.IsAny<CancellationToken>()))
            .Returns(Task.CompletedTask);

        await SendAsync(new AddDirectVolume(Volume, document));
        var empty = () => SendAsync(new AddDirectVolume(Volume, default));

        (await empty.Should().ThrowAsync<KataException>().WithMessage("the mount info is empty;*"))
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        _volumes.Verify(
            volumes => volumes.AddAsync(Volume, It.IsAny<ReadOnlyMemory<byte>>(), It.IsAny<CancellationToken>()),
            Times.Once);
    }

    [Fact]
    public async Task Removal_goes_to_the_port()
    {
        _volumes.Setup(volumes => volumes.RemoveAsync(Volume, It.IsAny<CancellationToken>()))
            .Returns(Task.CompletedTask);

        await SendAsync(new RemoveDirectVolume(Volume));

        _volumes.VerifyAll();
    }

    private Task<TReply> SendAsync<TReply>(MediatR.IRequest<TReply> request) =>
        _services.GetRequiredService<ISender>().Send(request);
}
