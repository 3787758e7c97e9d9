using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Containerd;

/// <summary>What the environment says about this run: which containerd, which runtime, which guest.</summary>
internal static class TestSettings
{
    /// <summary>A folder with containerd, ctr and runc's shim of another version; null for the installed one.</summary>
    public static string? ContainerdDirectory { get; } = Read("KATA_TEST_CONTAINERD_DIR");

    /// <summary>
    /// The runtime under test. The suite also runs against runc's, which shows what is containerd's behaviour and what
    /// ours.
    /// </summary>
    public static string Runtime { get; } = Read("KATA_TEST_RUNTIME") ?? "io.containerd.kata.v2";

    /// <summary>True if containers of the runtime under test live in a virtual machine.</summary>
    public static bool HasMachine { get; } = Runtime.Contains("kata", StringComparison.Ordinal);

    /// <summary>Kernel, initrd and image as the build leaves them.</summary>
    public static string GuestDirectory { get; } =
        Read("KATA_TEST_GUEST_DIR") ?? Path.Combine(Repository.Artifacts, "guest", "current");

    /// <summary>The file daemon that comes along, or another.</summary>
    public static string FileDaemon { get; } =
        Read("KATA_TEST_FILE_DAEMON") ?? Path.Combine(Repository.Artifacts, "virtiofsd", "virtiofsd");

    /// <summary>Our native binaries.</summary>
    public static string PublishDirectory { get; } =
        Read("KATA_TEST_PUBLISH_DIR") ?? Path.Combine(Repository.Artifacts, "publish");

    /// <summary>Where the logs and guest consoles of a run are kept.</summary>
    public static string LogDirectory { get; } =
        Read("KATA_TEST_LOG_DIR") ?? Path.Combine(Repository.Artifacts, "e2e-logs");

    /// <summary>
    /// Long enough for a machine to start on a busy host without KVM; nothing that works comes near it.
    /// </summary>
    public static TimeSpan StartLimit { get; } = TimeSpan.FromSeconds(HasMachine ? 90 : 30);

    private static string? Read(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
