using System.Security.Cryptography;

namespace Kata.Adapters.Vsock.Dialing;

/// <summary>
/// The greeting that begins a session on a virtio-serial port; <see cref="SerialDialer"/> has the rule.
/// </summary>
internal static class SerialHello
{
    /// <summary>Fixed bytes and a nonce.</summary>
    public const int Length = 26;

    private const int NonceLength = 16;

    /// <summary>
    /// As long as a ttRPC header, and none: it says a length that no frame may have. Then <c>KATAHX</c> in ASCII.
    /// </summary>
    public static ReadOnlySpan<byte> Magic =>
        [0xff, 0xff, 0xff, 0xff, (byte)'K', (byte)'A', (byte)'T', (byte)'A', (byte)'H', (byte)'X'];

    public static byte[] Create()
    {
        var hello = new byte[Length];
        Magic.CopyTo(hello);
        RandomNumberGenerator.Fill(hello.AsSpan(Length - NonceLength));
        return hello;
    }
}
