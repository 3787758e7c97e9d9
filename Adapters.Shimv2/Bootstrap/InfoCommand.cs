using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kata.Adapters.Shimv2.Tasks;
using Kata.Core.Application.ShimProcess;
using Kata.Platform.Protos.Containerd.Types;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// <c>-info</c>: what the runtime can do. A daemon that gets no features from it fails containers with mapped mounts
/// after their start.
/// </summary>
internal static class InfoCommand
{
    /// <summary>The runtime's name at the container manager.</summary>
    public const string RuntimeName = "io.containerd.kata.v2";

    // What reaches mount(2) here as it is; everything more exotic is for the daemon's mount manager to activate.
    private const string Mounts = "bind,overlay";

    /// <summary>What is to be printed.</summary>
    public static byte[] Run() => new RuntimeInfo
    {
        Name = RuntimeName,
        Version = new RuntimeVersion { Version = ShimVersion.Text },
        Features = new Any { TypeUrl = TypeUrl.OciFeatures, Value = ByteString.CopyFrom(FeaturesCommand.Run()) },
        Annotations = { ["containerd.io/runtime-allow-mounts"] = Mounts },
    }.ToByteArray();
}
