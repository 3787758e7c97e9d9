#!/bin/bash
# Makes the test host's kernel and initrd from Debian's full kernel package, and unpacks the QEMU that emulates it; needs no
# root.
#
#   build.sh
#
# The result is artifacts/testhost/{vmlinuz,initrd.img,modules}; nothing is done if it is newer than what it is made from.
# QEMU lies in artifacts/peers/testhost-qemu/root, with all that it needs.
# The cloud flavour of the kernel will not do: it has no KVM for guests of its own.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
packages=$top/artifacts/peers/testhost
result=$top/artifacts/testhost
mkdir -p "$packages" "$result"
exec 9> "$result/.lock"
flock 9

"$top/Apps/Agent/image/debian.sh" trixie "$packages-qemu" 'qemu-system-x86+'
"$top/Apps/Agent/image/debian.sh" bookworm "$packages" 'linux-image-amd64>'
if [ "$result/initrd.img" -nt "$here/init" ] && [ "$result/initrd.img" -nt "$here/build.sh" ] &&
    [ "$result/initrd.img" -nt "$packages/.stamp" ]; then
    exit 0
fi

echo "    making the test host's initrd"
root=$packages/root
version=$(basename "$root"/lib/modules/*)
busybox=$(command -v busybox)
depmod=$(command -v depmod || echo /sbin/depmod)
modprobe=$(command -v modprobe || echo /sbin/modprobe)
"$depmod" -b "$root" "$version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{bin,dev,proc,sys,modules}
cp "$busybox" "$work/bin/busybox"
cp "$here/init" "$work/init"
chmod 755 "$work/init"

# Every module with what it needs, in loading order, each once. kvm_amd also where the machine has an Intel
# processor: the one that TCG emulates has AMD's extension.
wanted='virtio_pci virtio_console 9pnet_virtio 9p overlay virtio_blk ext4 virtio_net tun vhost_net vhost_vsock kvm_amd fuse'
for module in $wanted; do
    "$modprobe" -d "$root" -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
done | awk '!seen[$0]++' | while read -r file; do
    cp "$file" "$work/modules/"
    basename "$file" >> "$work/modules/order"
done

(cd "$work" && find . | "$busybox" cpio -o -H newc 2> /dev/null) > "$result/initrd.new"
ln -sfn "$root/boot/vmlinuz-$version" "$result/vmlinuz"
ln -sfn "$root/lib/modules/$version" "$result/modules"
mv "$result/initrd.new" "$result/initrd.img"
