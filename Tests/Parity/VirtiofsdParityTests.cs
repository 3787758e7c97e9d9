using FluentAssertions;
using Kata.Adapters.Guest.Files;
using Kata.Core.Application.Settings;
using Kata.Core.Domain.Storage;
using Xunit;
using static Kata.Tests.Parity.IntendedDifference;

namespace Kata.Tests.Parity;

/// <summary>Our command lines of the Rust virtiofsd against upstream's for the same settings.</summary>
public sealed class VirtiofsdParityTests
{
    private static readonly IReadOnlyList<IntendedDifference> Table =
    [
        Upstreams("--syslog", "what it says is read from its standard error, so that a failed start can repeat it"),
        Ours("--sandbox=namespace", "its default, said so that a changed default cannot take it away"),
        Ours("--seccomp=kill", "its default, said so that a changed default cannot take it away"),
        Ours(
            "--inode-file-handles=prefer", "what the host deletes or unmounts is not held by what the guest remembers"),
        Ours("--xattr", "files keep their capabilities and other attributes, as with a runtime without machines"),
    ];

    private static readonly Dictionary<string, string> Caches = new()
    {
        ["initrd"] = "auto",
        ["cache-never"] = "never",
        ["cache-metadata"] = "metadata",
        ["cache-always-dax"] = "always",
    };

    [Fact]
    public void For_when_settings_are_the_same_differs_only_where_meant()
    {
        foreach (var (name, cache) in Caches)
        {
            var upstream = File.ReadAllLines(Path.Combine(Recordings.Folder, name, "virtiofsd.argv"));
            var ours = VirtiofsdArguments.For(
                VirtiofsdFlavour.Rust,
                new Version(1, 13, 2),
                HostPath.Parse("/run/kata-containers/shared/sandboxes/${SANDBOX_ID}/shared", "share"),
                3,
                new HypervisorSettings
                {
                    Name = "qemu",
                    Path = "/vmm",
                    Kernel = "/kernel",
                    VirtioFsCache = cache,
                    VirtioFsExtraArguments = ["--thread-pool-size=1", "--announce-submounts"],
                });

            var differences = upstream.Except(ours).Select(a => (IsOurs: false, Fact: a))
                .Concat(ours.Except(upstream).Select(a => (IsOurs: true, Fact: a))).ToList();
            differences.Should().OnlyContain(
                d => Table.Any(entry => entry.Covers(d.IsOurs, d.Fact)), "in case {0}", name);
            Table.Should().OnlyContain(
                entry => differences.Any(d => entry.Covers(d.IsOurs, d.Fact)), "in case {0}", name);
        }
    }
}
