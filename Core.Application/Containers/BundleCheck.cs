using Kata.Core.Application.Creation;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Containers;

/// <summary>Reads a bundle's specification and refuses what no boot would change.</summary>
internal sealed class BundleCheck(
    ShimIdentity identity, IBundleReader bundles, HostParts hostParts, ILogger<BundleCheck> log)
{
    /// <summary>Reads it into the creation, as its first phase.</summary>
    /// <exception cref="Domain.KataException">
    /// InvalidArgument for what a machine cannot have; FailedPrecondition for a container of another sandbox.
    /// </exception>
    public async Task ReadAsync(ContainerCreation creation)
    {
        try
        {
            await creation.Timeline.RunAsync("bundle", () => CheckAsync(creation, creation.Limits.Token));
        }
        catch (Exception e)
        {
            throw creation.Explain(e);
        }

        var (kind, sandbox) = ContainerAnnotations.Classify(creation.Spec.Annotations, creation.Id.Value);
        if (sandbox != identity.Sandbox)
            throw ContainerErrors.WrongSandbox(creation.Id, identity.Sandbox.Value);
        creation.Kind = kind;
        if (HostParts.OfHost(creation.Spec) is { Count: > 0 } ofHost)
            BootLog.NotTheHosts(log, creation.Id.Value, string.Join(", ", ofHost));
    }

    private async Task CheckAsync(ContainerCreation creation, CancellationToken ct)
    {
        var spec = creation.Spec = await bundles.ReadAsync(creation.Bundle, ct);
        ResourceRules.Check(spec.Linux?.Resources ?? new OciResources(), Environment.ProcessorCount);
        if (creation.Rootfs.Any(mount => mount.MapsOwners))
            throw ContainerErrors.MappedOwners();
        if (spec.Linux is { HasUserNamespace: true })
            throw ContainerErrors.UserNamespace();
        await hostParts.CheckAsync(
            ContainerAnnotations.Classify(spec.Annotations, creation.Id.Value).Kind, spec, ct);
    }
}
