using System.Runtime.InteropServices;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kata.Adapters.Shimv2.Logging;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Containerd.TaskV2;
using Microsoft.Extensions.DependencyInjection;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// <c>delete</c>: releases what a dead shim left, and nothing of a living one. The daemon runs it after every normal
/// deletion too, several at once, and kills it after 5 s; it always gets an answer, for without one it keeps the
/// bundle.
/// </summary>
internal static class DeleteCommand
{
    // Beyond the clean-up's own budget of 4 s, and short of the daemon's 5.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(4.5);

    /// <summary>
    /// Does it and answers what is to be printed; what went wrong is told on standard error, which the daemon logs.
    /// </summary>
    public static async Task<byte[]> RunAsync(ShimArguments arguments, Action<IServiceCollection> compose)
    {
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);

        var id = ContainerId.Parse(arguments.Id);
        var bundle = arguments.Bundle.Length > 0 ? arguments.Bundle : Directory.GetCurrentDirectory();
        if (PanicLog.ReadHead(bundle) is { } panic)
            StandardStream.WriteError(panic);

        var (kind, sandbox) = ClassifyOrSelf(bundle, arguments.Id);
        using var log = new ContainerdLog(null, arguments.Debug, TimeProvider.System);
        var exit = new ExitStatus(ExitStatus.Killed, TimeProvider.System.GetUtcNow());
        try
        {
            await using var provider = ShimServices.Build(arguments, sandbox, log, compose);
            var reply = await provider.GetRequiredService<ISender>()
                .Send(new CleanUpSandbox(id, HostPath.Parse(bundle, "bundle")), CancellationToken.None)
                .WaitAsync(Bound);
            exit = reply.Exit;
        }
        catch (Exception e)
        {
            // Whatever it was: without an answer the daemon keeps the bundle, and the id is taken for ever.
            var reason = e is KataException or TimeoutException or OperationCanceledException
                ? e.Message
                : e.ToString();
            StandardStream.WriteError($"{string.Join('\n', log.Kept)}\n{arguments.Id}: {reason}\n");
        }

        if (kind != ContainerKind.PodContainer)
            RemoveDeadSocket(arguments, bundle, sandbox);
        return new DeleteResponse
        {
            ExitStatus = (uint)exit.Code,
            ExitedAt = Timestamp.FromDateTimeOffset(exit.At)
        }.ToByteArray();
    }

    /// <summary>A bundle that is half gone does not keep the rest from being cleaned up.</summary>
    private static (ContainerKind Kind, SandboxId Sandbox) ClassifyOrSelf(string bundle, string id)
    {
        try
        {
            return BundleFiles.Classify(bundle, id);
        }
        catch (Exception e) when (e is KataException or IOException or UnauthorizedAccessException)
        {
            return (ContainerKind.Single, SandboxId.Parse(id));
        }
    }

    private static void RemoveDeadSocket(ShimArguments arguments, string bundle, SandboxId sandbox)
    {
        var address = BundleFiles.ReadAddress(bundle);
        var path = (address is null ? null : ShimSocket.PathIn(address))
            ?? ShimSocket.PathOf(ShimSocket.DefaultRoot, arguments.Address, arguments.Namespace, sandbox.Value);
        if (File.Exists(path) && !ShimSocket.IsAlive(path))
            ShimSocket.Unlink(path);
    }
}
