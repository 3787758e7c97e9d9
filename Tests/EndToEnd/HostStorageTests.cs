using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>Roots as a host with the kernel's device mapper gives them.</summary>
[Trait("category", "matrix")]
[Collection(HostTests.Name)]
public sealed class HostStorageTests(HostLife life)
{
    // A thin pool on two files, and a second daemon whose snapshotter cuts its roots from it.
    private const string Pool =
        """
        set -e
        # No udev runs there that would make the nodes.
        export DM_DISABLE_UDEV=1
        for module in loop dm_mod dm_thin_pool; do modprobe $module || modprobe $module; done
        mkdir -p /var/lib/dm/devmapper /run/dm
        truncate -s 256M /var/lib/dm/data
        truncate -s 8M /var/lib/dm/meta
        data=$(losetup -f --show /var/lib/dm/data)
        meta=$(losetup -f --show /var/lib/dm/meta)
        dmsetup create kata-pool --table "0 $(blockdev --getsz $data) thin-pool $meta $data 128 256 1 skip_block_zeroing"
        cat > /run/dm/config.toml <<'TOML'
        version = 2
        root = "/var/lib/dm/root"
        state = "/run/dm/state"
        disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]
        [grpc]
          address = "/run/dm/containerd.sock"
        [plugins."io.containerd.snapshotter.v1.devmapper"]
          root_path = "/var/lib/dm/devmapper"
          pool_name = "kata-pool"
          base_image_size = "48MB"
        TOML
        setsid containerd --config /run/dm/config.toml > /run/dm/containerd.log 2>&1 < /dev/null &
        echo $! > /run/dm/pid
        for i in $(seq 600); do ctr -a /run/dm/containerd.sock version > /dev/null 2>&1 && break; sleep 0.1; done
        ctr -a /run/dm/containerd.sock image import --snapshotter devmapper $(dirname $KATA_CONF_FILE)/busybox.tar || { grep devmapper /run/dm/containerd.log; exit 1; }
        """;

    private const string Away =
        """
        kill $(cat /run/dm/pid)
        while kill -0 $(cat /run/dm/pid) 2> /dev/null; do sleep 0.1; done
        DM_DISABLE_UDEV=1 dmsetup remove_all --force
        losetup -D
        rm -rf /run/dm /var/lib/dm
        """;

    [MachineFact]
    public Task Root_from_the_device_mapper_snapshotter_is_the_guests_disk_and_not_mounted_on_the_host() =>
        life.RunAsync(async host =>
    {
        try
        {
            (await host.RunAsync(Pool)).Exited(0);

            var result = await host.RunAsync(
                $"""
                ctr -a /run/dm/containerd.sock run --rm --snapshotter devmapper --runtime {TestSettings.Runtime} {BusyboxImage.Name} mapped \
                    sh -c 'grep " / " /proc/mounts; echo written > /note; cat /note; sleep 1' > /run/dm/out 2>&1 &
                while kill -0 $! 2> /dev/null; do
                    if grep -q written /run/dm/out; then grep /dev/mapper/ /proc/mounts; fi
                    sleep 0.2
                done > /run/dm/mounts
                wait $!
                code=$?
                cat /run/dm/out
                exit $code
                """);
            var mounts = (await host.RunAsync("cat /run/dm/mounts")).Exited(0).Stdout;

            result.Exited(0).Stdout.Should().MatchRegex("^/dev/vd[a-z] / ext4").And.Contain("written\n");
            mounts.Should().BeEmpty();
        }
        finally
        {
            await host.RunAsync(Away);
        }
    });
}
