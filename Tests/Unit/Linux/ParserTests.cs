using System.Diagnostics;
using System.Text;
using CsCheck;
using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

public class ParserTests
{
    private static readonly Gen<string> AnyText = Gen.Char[' ', '\u07ff'].Array[1, 20]
        .Select(chars => new string(chars));

    [Fact]
    public void Stat_when_the_name_is_anything_is_read_back()
    {
        Gen.Select(Gen.String[Gen.Char[' ', '~'], 0, 15], Gen.Int[1, 4_000_000], Gen.Long[0, long.MaxValue])
            .Sample((comm, pid, start) =>
        {
            var text = $"{pid} ({comm}) S 1 {pid} 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {start} 2000 300 18446744073709551615 1 1\n";

            return ProcStat.TryParse(text, out var stat)
                && stat == new ProcStat(pid, comm, 'S', 1, pid, 77, start);
        });
    }

    [Fact]
    public void Stat_when_garbage_is_refused_without_throwing() =>
        Gen.String.Sample(text => { _ = ProcStat.TryParse(text, out _); });

    [Fact]
    public void Stat_of_ourselves_is_alive_with_its_start_time()
    {
        var id = Environment.ProcessId;

        ProcFs.IsAlive(id, ProcFs.StartTime(id)!.Value).Should().BeTrue();
        ProcFs.IsAlive(id, ProcFs.StartTime(id)!.Value + 1).Should().BeFalse();
        ProcFs.StartTime(int.MaxValue).Should().BeNull();
    }

    [Fact]
    public void Run_delay_of_a_process_that_shares_its_processor_grows_and_is_none_once_it_is_gone()
    {
        using var one = Busy();
        using var other = Busy();
        var begin = Stopwatch.GetTimestamp();
        try
        {
            while (ProcFs.LongestRunDelay(one.Id) < TimeSpan.FromMilliseconds(50))
                Stopwatch.GetElapsedTime(begin).Should().BeLessThan(Waits.Limit);

            ProcFs.LongestRunDelay(one.Id)
                .Should().BeLessThan(Stopwatch.GetElapsedTime(begin) + TimeSpan.FromSeconds(1));
        }
        finally
        {
            one.Kill();
            other.Kill();
            one.WaitForExit();
        }

        ProcFs.LongestRunDelay(one.Id).Should().Be(TimeSpan.Zero);

        static Process Busy() => Process.Start("taskset", ["1", "sh", "-c", "while :; do :; done"]);
    }

    [Fact]
    public void Mountinfo_when_paths_hold_anything_is_read_back()
    {
        Gen.Select(AnyText, AnyText, AnyText).Sample((root, point, source) =>
        {
            var line = $"36 35 98:0 /{Escape(root)} /{Escape(point)} rw,noatime shared:1 master:2 - ext4 {Escape(source)} rw,errors=continue";

            return MountInfo.TryParseLine(line, out var mount)
                && mount.Root == "/" + root && mount.MountPoint == "/" + point && mount.Source == source
                && mount.Id == 36 && mount.ParentId == 35 && mount.DeviceMajor == 98 && mount.FileSystemType == "ext4"
                && mount.Propagation.SequenceEqual(["shared:1", "master:2"])
                && mount.SuperOptions == "rw,errors=continue";
        });
    }

    [Fact]
    public void Mountinfo_when_garbage_is_left_out_without_throwing() =>
        Gen.String.Sample(text => MountInfo.Parse(text) is not null);

    [Fact]
    public void Mountinfo_of_ourselves_has_the_root_and_proc()
    {
        var mounts = MountInfo.Read();

        mounts.Should().Contain(mount => mount.MountPoint == "/");
        mounts.Should().Contain(mount => mount.MountPoint == "/proc" && mount.FileSystemType == "proc");
    }

    [Theory]
    [InlineData("ro,nosuid,nodev,size=64m,mode=755", MountFlags.MS_RDONLY | MountFlags.MS_NOSUID | MountFlags.MS_NODEV,
        MountFlags.None, "size=64m,mode=755")]
    [InlineData("ro,rw", MountFlags.None, MountFlags.None, "")]
    [InlineData("rbind,rprivate,ro", MountFlags.MS_BIND | MountFlags.MS_REC | MountFlags.MS_RDONLY,
        MountFlags.MS_PRIVATE | MountFlags.MS_REC, "")]
    [InlineData("defaults,X-kata.volume=1,x-systemd.automount,noauto,nofail", MountFlags.None, MountFlags.None, "")]
    [InlineData("noatime,relatime,strictatime", MountFlags.MS_STRICTATIME, MountFlags.None, "")]
    [InlineData("lowerdir=/a:/b,upperdir=/u,index=off", MountFlags.None, MountFlags.None,
        "lowerdir=/a:/b,upperdir=/u,index=off")]
    public void Options_are_sorted(string words, MountFlags flags, MountFlags propagation, string data) =>
        MountOptions.Parse(words.Split(',')).Should().Be(new MountOptions(flags, propagation, data));

    [Fact]
    public void Options_when_unknown_all_reach_the_file_system_in_order()
    {
        var word = Gen.String[Gen.Char['a', 'f'], 1, 6].Select(name => name + "=1")
            .Where(w => !w.StartsWith("x-", StringComparison.OrdinalIgnoreCase));

        word.List[0, 8].Sample(words => MountOptions.Parse(words) == new MountOptions(0, 0, string.Join(',', words)));
    }

    [Theory]
    [InlineData("SIGKILL", 9)]
    [InlineData("term", 15)]
    [InlineData("17", 17)]
    [InlineData("SIGRTMIN+3", 37)]
    [InlineData("RTMAX-1", 63)]
    [InlineData("iot", 6)]
    public void Signal_names_are_understood(string text, int number)
    {
        Signals.TryParse(text, out var signal).Should().BeTrue();
        signal.Should().Be(number);
    }

    [Theory]
    [InlineData("")]
    [InlineData("SIG")]
    [InlineData("0")]
    [InlineData("65")]
    [InlineData("RTMIN+99")]
    [InlineData("NOPE")]
    public void Signal_when_unknown_is_refused(string text) => Signals.TryParse(text, out _).Should().BeFalse();

    [Fact]
    public void Kernel_event_is_read()
    {
        var bytes = Encoding.UTF8.GetBytes(
            "add@/devices/pci0/virtio1/block/vda\0ACTION=add\0DEVNAME=vda\0SUBSYSTEM=block\0");

        KernelEvent.TryParse(bytes, out var read).Should().BeTrue();

        (read.Action, read.DevicePath, read["DEVNAME"], read["NO"])
            .Should().Be(("add", "/devices/pci0/virtio1/block/vda", "vda", null));
        KernelEvent.TryParse("libudev\0"u8, out _).Should().BeFalse();
    }

    private static string Escape(string text)
    {
        var escaped = new StringBuilder();
        foreach (var c in text)
            escaped.Append(
                c is ' ' or '\t' or '\n' or '\\' or '#' ? "\\" + Convert.ToString(c, 8).PadLeft(3, '0') : c.ToString());
        return escaped.ToString();
    }
}
