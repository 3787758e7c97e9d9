using System.Buffers.Text;

namespace Kata.Platform.Linux;

/// <summary>What this process holds of the host's memory.</summary>
public static unsafe class ResidentMemory
{
    private const int MADV_DONTNEED = 4;

    // A mapping of /proc/self/smaps is a line of its range, rights and file, then a line for each figure.
    private const int BufferSize = 16 * 1024;

    /// <summary>
    /// Gives back what the C library's heap has free and lets go of the pages of programs and libraries that are the
    /// same in their files. Nothing is lost: what is needed again is mapped again from the page cache, or read. Does
    /// what it can, never fails.
    /// </summary>
    public static void Release()
    {
        _ = Libc.malloc_trim(0);
        try
        {
            using var file = File.OpenHandle("/proc/self/smaps");
            var buffer = new byte[BufferSize];
            var mapping = default(Mapping);
            var kept = 0;
            long offset = 0;
            while (RandomAccess.Read(file, buffer.AsSpan(kept), offset) is var read and > 0)
            {
                offset += read;
                var text = buffer.AsSpan(0, kept + read);
                while (text.IndexOf((byte)'\n') is var end and >= 0)
                {
                    mapping.Read(text[..end]);
                    text = text[(end + 1)..];
                }

                if (text.Length == buffer.Length)
                    return;
                text.CopyTo(buffer);
                kept = text.Length;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No /proc: the pages stay.
        }
    }

    /// <summary>
    /// The mapping whose lines are being read. It is let go of at its last line, if it is of a file, cannot be written,
    /// and has no page that was written before it was protected, as the relocated part of a library has.
    /// </summary>
    private struct Mapping
    {
        private nuint _start;
        private nuint _length;
        private bool _isFile;
        private bool _isChanged;

        public void Read(ReadOnlySpan<byte> line)
        {
            if (line.StartsWith("VmFlags:"u8))
            {
                if (_isFile && !_isChanged)
                    _ = Libc.madvise((void*)_start, _length, MADV_DONTNEED);
                _isFile = false;
            }
            else if (line.StartsWith("Anonymous:"u8) || line.StartsWith("Swap:"u8))
            {
                _isChanged |= !line.EndsWith(" 0 kB"u8);
            }
            else if (Utf8Parser.TryParse(line, out ulong start, out var digits, 'x') && line[digits] == '-'
                && Utf8Parser.TryParse(line[(digits + 1)..], out ulong end, out var more, 'x'))
            {
                var rest = line[(digits + more + 2)..];
                (_start, _length) = ((nuint)start, (nuint)(end - start));
                _isFile = (rest.StartsWith("r--p "u8) || rest.StartsWith("r-xp "u8)) && rest.Contains((byte)'/');
                _isChanged = false;
            }
        }
    }
}
