using System.Runtime.InteropServices;
using System.Text;

namespace Kata.Platform.Linux;

/// <summary>NULL-terminated arrays of C strings, in one block of native memory.</summary>
internal static unsafe class NativeStrings
{
    internal static byte** Allocate(IReadOnlyList<string> strings)
    {
        var pointers = (nuint)(strings.Count + 1) * (nuint)sizeof(byte*);
        var size = pointers;
        foreach (var text in strings)
            size += (nuint)Encoding.UTF8.GetByteCount(text) + 1;

        // SAFETY: the block holds the pointers, then every string with its terminator; each is written within its
        // counted length.
        var block = (byte*)NativeMemory.Alloc(size);
        var array = (byte**)block;
        var next = block + pointers;
        for (var i = 0; i < strings.Count; i++)
        {
            if (strings[i].Contains('\0'))
            {
                NativeMemory.Free(block);
                throw new ArgumentException("a string for the kernel holds a NUL", nameof(strings));
            }
            array[i] = next;
            var length = Encoding.UTF8.GetByteCount(strings[i]);
            Encoding.UTF8.GetBytes(strings[i], new Span<byte>(next, length));
            next[length] = 0;
            next += length + 1;
        }
        array[strings.Count] = null;
        return array;
    }

    internal static void Free(byte** array) => NativeMemory.Free(array);
}
