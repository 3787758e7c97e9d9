using System.Runtime.InteropServices;

namespace Kata.Platform.Linux;

/// <summary>
/// <c>struct epoll_event</c>, which is packed on x86-64 only. The data word is descriptor and generation.
/// </summary>
internal static unsafe class EpollEvent
{
    private static readonly int DataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    internal static readonly int Size = DataOffset + 8;

    // SAFETY (both): the caller's buffer holds Size bytes; the offsets stay inside, unaligned access is by byte copy.
    internal static void Write(byte* buffer, uint events, int descriptor, uint generation)
    {
        MemoryMarshal.Write(new Span<byte>(buffer, 4), events);
        MemoryMarshal.Write(new Span<byte>(buffer + DataOffset, 8), ((ulong)generation << 32) | (uint)descriptor);
    }

    internal static void Read(byte* buffer, out uint events, out int descriptor, out uint generation)
    {
        events = MemoryMarshal.Read<uint>(new ReadOnlySpan<byte>(buffer, 4));
        var data = MemoryMarshal.Read<ulong>(new ReadOnlySpan<byte>(buffer + DataOffset, 8));
        descriptor = (int)(uint)data;
        generation = (uint)(data >> 32);
    }
}
