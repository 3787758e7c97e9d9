using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class FileTests
{
    [Fact]
    public void Lock_when_held_is_refused_until_let_go()
    {
        using var scratch = new Scratch();
        using var copy = new Holder();
        using (var first = FileLock.TryAcquire(scratch.Root))
        {
            first.Should().NotBeNull();
            FileLock.TryAcquire(scratch.Root).Should().BeNull();
            copy.Handle = DescriptorIo.Duplicate(first!.Handle);
        }

        // The copy, as an inheriting child has it, goes on holding it.
        FileLock.IsHeld(scratch.Root).Should().BeTrue();
        copy.Dispose();
        FileLock.IsHeld(scratch.Root).Should().BeFalse();
    }

    [Fact]
    public void Atomic_write_replaces_whole_and_leaves_nothing_beside()
    {
        using var scratch = new Scratch();
        AtomicFile.Write(scratch["f"], "one"u8, 0x180);

        AtomicFile.Write(scratch["f"], "two"u8, 0x1A4);

        File.ReadAllText(scratch["f"]).Should().Be("two");
        FileStatus.Of(scratch["f"]).Permissions.Should().Be(0x1A4);
        Directory.GetFiles(scratch.Root).Should().HaveCount(1);
    }

    [Fact]
    public void Append_adds_at_the_end_whoever_wrote_before()
    {
        using var scratch = new Scratch();
        using var a = AtomicFile.OpenAppend(scratch["log"]);
        using var b = AtomicFile.OpenAppend(scratch["log"]);

        DescriptorIo.Append(a, "1\n"u8);
        DescriptorIo.Append(b, "2\n"u8);
        DescriptorIo.Append(a, "3\n"u8);

        File.ReadAllText(scratch["log"]).Should().Be("1\n2\n3\n");
    }

    [Fact]
    public void MemFd_when_sealed_cannot_be_changed_and_is_read_whole()
    {
        using var memory = MemFd.Create("options", "bytes"u8);

        var opening = () => DescriptorIo.Open(
            $"/proc/self/fd/{memory.Handle.DangerousGetHandle()}", OpenFlags.O_RDWR | OpenFlags.O_TRUNC);

        opening.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.EPERM);
        File.ReadAllText($"/proc/self/fd/{memory.Handle.DangerousGetHandle()}").Should().Be("bytes");
    }

    [Fact]
    public void Status_tells_type_size_and_links()
    {
        using var scratch = new Scratch();
        File.WriteAllText(scratch["f"], "12345");
        File.CreateSymbolicLink(scratch["l"], "f");

        FileStatus.Of(scratch["f"])
            .Should().Match<FileStatus>(status => status.IsRegular && status.Size == 5 && status.Links == 1);
        FileStatus.Of(scratch["l"]).IsRegular.Should().BeTrue();
        FileStatus.Of(scratch["l"], followLink: false).IsLink.Should().BeTrue();
        FileStatus.Of("/dev/null").Should().Match<FileStatus>(
            status => status.IsCharacterDevice && status.NodeMajor == 1 && status.NodeMinor == 3);
        FileStatus.TryOf(scratch["none"]).Should().BeNull();
    }

    [RootFact]
    public void Node_and_owner_are_made()
    {
        using var scratch = new Scratch();

        Nodes.MakeNode(scratch["null"], FileStatus.S_IFCHR | 0x180, 1, 3);
        Nodes.ChangeOwner(scratch["null"], 12, 34);

        FileStatus.Of(scratch["null"]).Should().Match<FileStatus>(
            status => status.NodeMajor == 1 && status.NodeMinor == 3 && status.UserId == 12 && status.GroupId == 34);
    }

    [Fact]
    public async Task Watch_tells_a_change_and_the_end()
    {
        using var scratch = new Scratch();
        File.WriteAllText(scratch["f"], "");
        using var watch = FileWatch.Open(scratch["f"]);

        var first = watch.WaitAsync();
        File.AppendAllText(scratch["f"], "x");
        (await first.InTime()).Should().Be(FileWatch.IN_MODIFY);
        File.Delete(scratch["f"]);

        ((await watch.WaitAsync().InTime()) & FileWatch.IN_IGNORED).Should().NotBe(0);
    }

    [Fact]
    public async Task Watch_when_disposed_of_ends_the_wait()
    {
        using var scratch = new Scratch();
        File.WriteAllText(scratch["f"], "");
        using var watch = FileWatch.Open(scratch["f"]);
        var waiting = watch.WaitAsync();

        watch.Dispose();

        var ended = () => waiting.InTime();
        await ended.Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public void Terminal_has_the_size_it_was_given()
    {
        var (controller, peer) = Terminal.CreatePair();
        using var _ = controller;
        using var __ = peer;

        Terminal.SetSize(controller, 33, 101);

        Terminal.Size(peer).Should().Be((33, 101));
    }

    [RootFact]
    public async Task Kernel_events_come_as_they_happen()
    {
        using var events = KernelEvents.Open();
        var reading = Task.Run(async () =>
        {
            await foreach (var said in events.ReadAllAsync())
            {
                if (said.DevicePath == "/devices/virtual/mem/null")
                    return said;
            }
            return null;
        });

        File.WriteAllText("/sys/devices/virtual/mem/null/uevent", "change");

        (await reading.InTime())!["DEVNAME"].Should().Be("null");
    }

    [Fact]
    public void Machine_knows_its_memory()
    {
        var info = Machine.Info();

        var said = File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        info.TotalMemory.Should().Be(ulong.Parse(said, System.Globalization.CultureInfo.InvariantCulture) * 1024);
        info.Uptime.Should().BePositive();
    }

    private sealed class Holder : IDisposable
    {
        public Microsoft.Win32.SafeHandles.SafeFileHandle? Handle { get; set; }

        public void Dispose() => Handle?.Dispose();
    }
}
