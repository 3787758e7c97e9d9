using System.Runtime.InteropServices;
using System.Text;

namespace Kata.Platform.Linux;

/// <summary>The machine this runs on, as PID 1 sees it.</summary>
public static class Machine
{
    private const int RB_AUTOBOOT = 0x01234567;
    private const int CLOCK_REALTIME = 0;
    private const int RB_POWER_OFF = 0x4321FEDC;

    public static unsafe void SetHostname(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        // SAFETY: pinned for the call, with its length.
        fixed (byte* pointer = bytes)
            LinuxException.Check(Libc.sethostname(pointer, (nuint)bytes.Length), "sethostname", name);
    }

    /// <summary>Writes back what is cached and switches off. Does not return if it succeeds.</summary>
    public static void PowerOff()
    {
        Libc.sync();
        LinuxException.Check(Libc.reboot(RB_POWER_OFF), "reboot", "RB_POWER_OFF");
    }

    /// <summary>Writes back what is cached and starts again.</summary>
    public static void Reboot()
    {
        Libc.sync();
        LinuxException.Check(Libc.reboot(RB_AUTOBOOT), "reboot", "RB_AUTOBOOT");
    }

    /// <summary>Sets the clock of the day.</summary>
    public static unsafe void SetClock(DateTimeOffset time)
    {
        var sinceEpoch = time - DateTimeOffset.UnixEpoch;
        // SAFETY: struct timespec is two words: seconds, nanoseconds.
        var value = stackalloc long[2]
        {
            (long)Math.Floor(sinceEpoch.TotalSeconds),
            sinceEpoch.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick,
        };
        LinuxException.Check(Libc.clock_settime(CLOCK_REALTIME, value), "clock_settime", "CLOCK_REALTIME");
    }

    /// <summary>Swaps to a disk or file that has been prepared for it.</summary>
    public static void AddSwap(string path) => LinuxException.Check(Libc.swapon(path, 0), "swapon", path);

    /// <summary>Uptime, memory and processes.</summary>
    public static unsafe MachineInfo Info()
    {
        // SAFETY: struct sysinfo is 112 bytes on 64-bit targets.
        var info = stackalloc byte[128];
        LinuxException.Check(Libc.sysinfo(info), "sysinfo", "machine");
        var words = new ReadOnlySpan<long>(info, 14);
        ulong unit = MemoryMarshal.Read<uint>(new ReadOnlySpan<byte>(info + 104, 4));
        return new MachineInfo(
            TimeSpan.FromSeconds(words[0]), (ulong)words[4] * unit, (ulong)words[5] * unit, *(ushort*)(info + 80));
    }
}

/// <summary>What <c>sysinfo(2)</c> says.</summary>
public readonly record struct MachineInfo(TimeSpan Uptime, ulong TotalMemory, ulong FreeMemory, int Processes);
