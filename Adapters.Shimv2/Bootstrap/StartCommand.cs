using Kata.Core.Domain.Containers;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// <c>start</c>: finds the pod's shim or launches one, and answers its address. Runs once per container, so there is
/// nothing here that a container does not need: no services, no logging, no asynchronous machinery.
/// </summary>
internal static class StartCommand
{
    /// <summary>Does it in the working directory, which is the bundle, and answers what is to be printed.</summary>
    public static byte[] Run(ShimArguments arguments, ReadOnlySpan<byte> input)
    {
        _ = ContainerId.Parse(arguments.Id);
        var bundle = Directory.GetCurrentDirectory();
        var parameters = StartInput.Read(input, arguments);
        var (kind, sandbox) = BundleFiles.Classify(bundle, arguments.Id);
        var root = parameters is { HasSocketDir: true, SocketDir.Length: > 0 }
            ? parameters.SocketDir
            : ShimSocket.DefaultRoot;

        string address;
        if (kind == ContainerKind.PodContainer)
        {
            // A dead shim's address makes the daemon's dial fail at once, which is the error to show: half a pod gets
            // no new machine.
            address = BundleFiles.ReadAddress(Path.Combine(bundle, "..", sandbox.Value))
                ?? ShimSocket.Scheme + ShimSocket.PathOf(root, arguments.Address, arguments.Namespace, sandbox.Value);
        }
        else
        {
            var path = ShimSocket.PathOf(root, arguments.Address, arguments.Namespace, sandbox.Value);
            address = ShimSocket.Scheme + path;
            Launch(arguments, parameters?.ContainerdTtrpcAddress, bundle, path);
        }

        BundleFiles.Write(bundle, BundleFiles.Address, address);
        return StartAnswer.For(parameters, address);
    }

    private static void Launch(ShimArguments arguments, string? ttrpcAddress, string bundle, string path)
    {
        using var listener = ShimSocket.Bind(path);
        if (listener is null)
            return;
        try
        {
            var pid = ShimLauncher.Launch(arguments, ttrpcAddress, bundle, path, listener);
            BundleFiles.Write(
                bundle, BundleFiles.ShimPid, pid.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        catch
        {
            ShimSocket.Unlink(path);
            throw;
        }
    }
}
