using System.Reflection;
using Kata.Adapters.Guest;
using Kata.Adapters.Qemu;
using Kata.Adapters.Shimv2;
using Kata.Adapters.Vsock;

namespace Kata.Tests.Architecture;

/// <summary>Our assemblies that a test can see.</summary>
internal static class Assemblies
{
    public static readonly Assembly Domain = typeof(Core.Domain.KataException).Assembly;

    public static readonly Assembly Application = typeof(Core.Application.ApplicationServices).Assembly;

    public static readonly Assembly[] Adapters =
    [
        typeof(Shimv2Services).Assembly, typeof(QemuServices).Assembly, typeof(VsockServices).Assembly,
        typeof(GuestServices).Assembly,
    ];

    public static readonly Assembly[] All =
    [
        Domain, Application, .. Adapters, typeof(Platform.Linux.LinuxException).Assembly,
        typeof(Platform.Ttrpc.TtrpcException).Assembly,
        typeof(Platform.Protos.Containerd.TaskV2.Task).Assembly,
    ];

    /// <summary>The folder of an assembly's project.</summary>
    public static string ProjectOf(Assembly assembly) => ProjectOf(assembly.GetName().Name!);

    /// <summary>The folder of an assembly's project.</summary>
    public static string ProjectOf(string assembly)
    {
        var name = assembly["Kata.".Length..];
        return name.StartsWith("Platform.", StringComparison.Ordinal)
            || name.StartsWith("Apps.", StringComparison.Ordinal)
            ? name.Replace('.', '/')
            : name;
    }
}
