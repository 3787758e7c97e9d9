using Google.Protobuf;
using Kata.Platform.Protos.Containerd.Bootstrap;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>What a daemon wrote to the standard input of <c>start</c>.</summary>
internal static class StartInput
{
    /// <summary>
    /// The parameters of a daemon of 2.3 and later, or null for the older form, an Any with the options or nothing. An
    /// Any also parses as parameters, so only the ids tell them apart. The options are not needed here: Create brings
    /// them.
    /// </summary>
    public static BootstrapParams? Read(ReadOnlySpan<byte> input, ShimArguments arguments)
    {
        if (input.IsEmpty)
            return null;
        try
        {
            var parameters = BootstrapParams.Parser.ParseFrom(input);
            return parameters.InstanceId == arguments.Id && parameters.Namespace == arguments.Namespace
                ? parameters
                : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}

/// <summary>What <c>start</c> prints.</summary>
internal static class StartAnswer
{
    // The version that lets the daemon reuse a pod's shim without starting us again, and the Task v3 service.
    private const int BootstrapVersion = 3;

    /// <summary>
    /// A daemon that sent parameters gets a result message; every other gets the plain address, the one form that all
    /// of them read: nothing in a launch tells 1.7, 2.0 and CRI-O apart, and each refuses what another one needs.
    /// </summary>
    public static byte[] For(BootstrapParams? parameters, string address) => parameters is null
        ? System.Text.Encoding.UTF8.GetBytes(address)
        : new BootstrapResult { Version = BootstrapVersion, Address = address, Protocol = "ttrpc" }.ToByteArray();
}
