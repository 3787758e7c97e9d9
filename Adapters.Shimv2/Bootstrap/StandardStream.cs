using System.Text;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// The three descriptors that containerd gives to a short-lived verb. Written by hand, for every byte on the output of
/// <c>start</c>, standard error included, becomes part of the address.
/// </summary>
internal static class StandardStream
{
    private const int Limit = 10 * 1024 * 1024;

    /// <summary>Standard input to its end, refused above 10 MiB.</summary>
    public static byte[] ReadInput()
    {
        using var input = new SafeFileHandle(0, ownsHandle: false);
        var all = new MemoryStream();
        var buffer = new byte[4096];
        while (true)
        {
            int count;
            try
            {
                count = DescriptorIo.TryRead(input, buffer);
            }
            catch (LinuxException e) when (e.Errno == Errno.EBADF)
            {
                return [];
            }

            if (count <= 0)
                return all.ToArray();
            all.Write(buffer, 0, count);
            if (all.Length > Limit)
                throw new InvalidDataException($"standard input holds more than {Limit} bytes");
        }
    }

    /// <summary>Writes the answer.</summary>
    public static void WriteOutput(ReadOnlySpan<byte> answer) => Write(1, answer);

    /// <summary>Writes a reason. Nobody is left to tell if that fails.</summary>
    public static void WriteError(string text)
    {
        try
        {
            Write(2, Encoding.UTF8.GetBytes(text));
        }
        catch (LinuxException)
        {
            // The reader is gone.
        }
    }

    private static void Write(int descriptor, ReadOnlySpan<byte> bytes)
    {
        using var handle = new SafeFileHandle(descriptor, ownsHandle: false);
        DescriptorIo.Write(handle, bytes);
    }
}
