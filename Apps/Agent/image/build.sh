#!/bin/bash
# Builds the guest from Debian's packages and the published agent; needs no root and changes nothing outside artifacts/.
#
#   build.sh [AGENT]
#
# GUEST_SUITE names another suite of Debian than the guest is made from; its guest lies in artifacts/guest-$GUEST_SUITE.
# The result is artifacts/guest/<kernel version>-<hash of all that went in>/ with
#   vmlinux        the kernel's ELF: QEMU starts it by PVH without decompressing it, and maps it shared from the file
#   initrd.img     agent, crun, their libraries, modules (lz4)
#   rootfs.img     the same as an ext4 root, with the headers that make it an NVDIMM, a PMEM or a plain disk
#   rootfs-boot.img  initrd to start from rootfs.img
#   manifest.json  versions, sizes, recommended kernel parameters
# and the link artifacts/guest/current. Nothing is done if a directory of that name exists.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
agent=$(realpath "${1:-$top/artifacts/publish/kata-agent}")
default_suite=trixie
suite=${GUEST_SUITE:-$default_suite}
packages=$top/artifacts/packages/guest-$suite
guests=$top/artifacts/guest
if [ "$suite" != "$default_suite" ]; then guests+=-$suite; fi

# cryptomgr.notests and maxcpus are the two parameters that make boot quicker: the agent starts the other CPUs later.
# reboot=t makes a reboot (a triple fault) what ends the machine at once; panic=-1 does the same to a panic.
kernel_params='quiet cryptomgr.notests=1 maxcpus=1 reboot=t panic=-1'
image_params='root=/dev/pmem0p1 rootfstype=ext4 rootflags=dax,data=ordered,errors=remount-ro ro init=/sbin/init'

[ -x "$agent" ] || { echo "build.sh: no agent at $agent: run 'make build' first" >&2; exit 1; }
mkdir -p "$packages" "$guests"
exec 9> "$guests/.lock"
flock 9

list() { sed 's/#.*//; /^[[:space:]]*$/d' "$here/$1"; }

# shellcheck disable=SC2046
"$here/debian.sh" "$suite" "$packages" $(list packages)
source=$packages/root
version=$(basename "$source"/lib/modules/*)
hash=$(cat "$agent" "$packages/versions" "$here"/{build.sh,boot-init,modules.*} | sha256sum | cut -c1-12)
name=$version-$hash
result=$guests/$name

finish() {
    ln -sfn "$name" "$guests/.current" && mv -T "$guests/.current" "$guests/current"
    touch "$result"
    # A few older ones stay for machines that are being started from them; the oldest go.
    ls -dt "$guests"/*/ | grep -v '/current/$' | tail -n +5 | xargs -r rm -rf
    echo "guest: $name"
}
if [ -f "$result/manifest.json" ]; then finish; exit 0; fi

work=$(mktemp -d "$guests/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT

u8() { od -An -v -tu1 -j "$2" -N 1 "$1" | tr -d ' '; }
u32() { od -An -v -tu4 --endian=little -j "$2" -N 4 "$1" | tr -d ' '; }
le32() { local i; for i in 0 8 16 24; do printf "\\x$(printf %02x $((($1 >> i) & 255)))"; done; }

# The ELF inside a bzImage: at the payload offset of the setup header, without the size that follows it.
extract_kernel() {
    local bzimage=$1 elf=$2 start length
    start=$((($(u8 "$bzimage" 0x1f1) + 1) * 512 + $(u32 "$bzimage" 0x248)))
    length=$(($(u32 "$bzimage" 0x24c) - 4))
    dd if="$bzimage" of="$work/payload" bs=1M iflag=skip_bytes,count_bytes skip="$start" count="$length" status=none
    case $(head -c 4 "$work/payload" | od -An -tx1 | tr -d ' ') in
        02214c18) lz4 -q -d -c "$work/payload" ;;
        28b52ffd) zstd -q -d -c "$work/payload" ;;
        fd377a58) xz -d -c "$work/payload" ;;
        1f8b*) gzip -d -c "$work/payload" ;;
        *) echo "build.sh: $bzimage is compressed in a way unknown here" >&2; return 1 ;;
    esac > "$elf"
    rm "$work/payload"
    # What is all zero is zero in a new machine's memory anyway, and a quarter of what would be copied there at each start.
    objcopy -R .bss -R .brk -R .init.scratch "$elf"
}

# A module without its signature, the check of which is most of the time that loading takes: signature, 12 bytes of
# which the last 4 are its length, 28 bytes of magic. Debian's kernel does not insist on it without Secure Boot.
strip_signature() {
    local module=$1 size
    if [ "$(tail -c 28 "$module" | head -c 27)" = '~Module signature appended~' ]; then
        size=$(tail -c 32 "$module" | od -An -tu4 --endian=big -N 4 | tr -d ' ')
        truncate -s "-$((size + 40))" "$module"
    fi
}

# A module without the description of its types, which only tracing reads. One that lends functions to BPF programs keeps
# it, because it registers them by that description.
strip_types() {
    if ! readelf -SW "$1" | grep -q '\.BTF_ids'; then objcopy -R .BTF "$1"; fi
}

# add_modules ROOT LIST: the modules of a list and what they depend on, in loading order, into ROOT, and their paths
# into ROOT/etc/kata/LIST; those of an earlier list are not named twice. Those of modules.spare lose the names of their
# own functions, which only the trace of a crash shows, and are compressed.
add_modules() {
    local root=$1 name=$2 module path file seen
    mkdir -p "$root/etc/kata" "$root/usr/lib/modules/$version"
    seen=$(cat "$root"/etc/kata/modules.* 2> /dev/null || true)
    for module in $(list "$name"); do
        modprobe -d "$source" -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
    done | awk '!done[$0]++' | while read -r path; do
        file=/usr/lib/modules/$version/$(basename "${path%.ko*}").ko
        if grep -qxF "$file" <<< "$seen"; then continue; fi
        case $path in
            *.xz) xz -d -c "$path" ;;
            *.zst) zstd -q -d -c "$path" ;;
            *) cat "$path" ;;
        esac > "$root$file"
        strip_signature "$root$file"
        strip_types "$root$file"
        if [ "$name" = modules.spare ]; then
            strip --strip-unneeded "$root$file"
            xz -9 --check=crc32 "$root$file"
            file=$file.xz
        fi
        echo "$file"
    done > "$root/etc/kata/$name"
}

# add_modprobe ROOT: what the kernel calls for a module that a container's request needs, a bridge for one, and where that
# finds the modules and what they are called for.
add_modprobe() {
    local modules=$1/usr/lib/modules/$version
    ln -s busybox "$1/usr/bin/modprobe"
    touch "$modules"/modules.{order,builtin,builtin.modinfo}
    depmod -b "$1" "$version"
    find "$modules" -name 'modules.*' ! -name modules.dep ! -name modules.alias -delete
}

# skeleton ROOT: a merged-/usr tree with the places that PID 1 mounts on.
skeleton() {
    local root=$1
    mkdir -p "$root"/{usr/bin,usr/lib/x86_64-linux-gnu,usr/lib64,etc/kata,dev,proc,sys,run,tmp,root,newroot,mnt,var/lib}
    ln -s usr/bin "$root/bin"; ln -s usr/bin "$root/sbin"; ln -s usr/lib "$root/lib"; ln -s usr/lib64 "$root/lib64"
    ln -s bin "$root/usr/sbin"
    ln -s ../run "$root/var/run"
    chmod 1777 "$root/tmp"; chmod 700 "$root/root"
}

# pack ROOT FILE: an initramfs, the same bytes for the same content. lz4 is the one compression that boot does not feel.
pack() {
    find "$1" -exec touch -hd @0 {} +
    {
        early_devices
        (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet) | lz4 -q -l -12 -c
    } > "$2"
}

# An archive in front of the other with /dev/urandom in it, written by hand since mknod needs root. The agent's .NET
# runtime looks for that file once, before the agent can mount /dev, and never again if it was not there: Guid.NewGuid
# would fail for good.
early_devices() {
    cpio_entry dev 40755 0 0
    cpio_entry dev/urandom 20666 1 9
    cpio_entry TRAILER!!! 0 0 0
}

# cpio_entry NAME OCTAL-MODE MAJOR MINOR: header and name, filled up to four bytes.
cpio_entry() {
    local length=$((${#1} + 1))
    printf "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\\0" \
        0 "$((8#$2))" 0 0 1 0 0 0 0 "$3" "$4" "$length" 0 "$1"
    head -c $(((4 - (110 + length) % 4) % 4)) /dev/zero
}

echo "    kernel $version"
# Among what was unpacked, so that newer packages take both away; versions in names do not tell every one from another.
kernel=$source/boot/vmlinux-lean
if ! [ -f "$kernel" ]; then
    extract_kernel "$source/boot/vmlinuz-$version" "$work/vmlinux"
    mv "$work/vmlinux" "$kernel"
    depmod -b "$source" "$version"
fi
mkdir "$work/out"
ln "$kernel" "$work/out/vmlinux"

echo "    root file system"
root=$work/root
skeleton "$root"
install -m 755 "$agent" "$root/usr/bin/kata-agent"
ln -s usr/bin/kata-agent "$root/init"
ln -s kata-agent "$root/usr/bin/init"
install -m 755 "$source/usr/bin/crun" "$source/bin/busybox" "$root/usr/bin/"
ln -s busybox "$root/usr/bin/sh"
cp "$source"/lib/x86_64-linux-gnu/{ld-linux-x86-64.so.2,libc.so.6,libm.so.6} "$root/usr/lib/x86_64-linux-gnu/"
ln -s ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/usr/lib64/ld-linux-x86-64.so.2"
# Each library that crun or the agent names, and those that they name, under the name that the loader looks for.
needed() { readelf -d "$@" 2> /dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u; }
queue=$(needed "$root/usr/bin/crun" "$root/usr/bin/kata-agent")
while [ -n "$queue" ]; do
    next=
    for library in $queue; do
        if [ -e "$root/usr/lib/x86_64-linux-gnu/$library" ]; then continue; fi
        for directory in lib usr/lib; do
            if [ -e "$source/$directory/x86_64-linux-gnu/$library" ]; then
                cp -L "$source/$directory/x86_64-linux-gnu/$library" "$root/usr/lib/x86_64-linux-gnu/$library"
            fi
        done
        [ -e "$root/usr/lib/x86_64-linux-gnu/$library" ] || { echo "build.sh: no package has $library" >&2; exit 1; }
        next+=" $(needed "$root/usr/lib/x86_64-linux-gnu/$library" | tr '\n' ' ')"
    done
    queue=${next// }; queue=${queue:+$next}
done
chmod 755 "$root"/usr/lib/x86_64-linux-gnu/*
echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
echo 'root:x:0:' > "$root/etc/group"
printf 'NAME="Kata.Hex guest"\nID=kata-hex\nVERSION_ID="%s"\n' "$name" > "$root/etc/os-release"
add_modules "$root" modules.early
add_modules "$root" modules.late
add_modules "$root" modules.demand
add_modules "$root" modules.spare
add_modprobe "$root"
pack "$root" "$work/out/initrd.img"

echo "    ext4 image"
boot=$work/boot
skeleton "$boot"
install -m 755 "$here/boot-init" "$boot/init"
install -m 755 "$source/bin/busybox" "$boot/usr/bin/"
for applet in sh mount umount insmod cat ls usleep switch_root; do ln -s busybox "$boot/usr/bin/$applet"; done
add_modules "$boot" modules.boot
pack "$boot" "$work/out/rootfs-boot.img"

# One file, two views: as a disk it has the first partition table, as an NVDIMM it begins 2 MiB further on with the
# second one, because of the header between them. Both name the same file system. 128 MiB is what memory comes in.
mib=1048576
content=$(du -sm "$root" | cut -f1)
size=$((((content * 13 / 10 + 8 + 3 + 127) / 128) * 128))
image=$work/out/rootfs.img
truncate -s "${size}M" "$image"
partition_table() {
    head -c 446 /dev/zero
    printf '\x00\xfe\xff\xff\x83\xfe\xff\xff'; le32 "$1"; le32 "$2"
    head -c 48 /dev/zero
    printf '\x55\xaa'
}
# The device mapper's "PFN info" block: pages described in RAM, data from 2 MiB on, aligned to 2 MiB; the last 8 of its
# 4096 bytes are a Fletcher sum over its 32-bit words, themselves taken as zero.
pfn_header() {
    printf 'NVDIMM_PFN_INFO\x00'
    head -c 36 /dev/zero
    printf '\x00\x00\x02\x00'; le32 $((2 * mib)); le32 0; le32 0; le32 0; le32 1; le32 0; le32 0; le32 $((2 * mib))
    head -c 4000 /dev/zero
}
fletcher64() {
    od -An -v -tu4 -w4 --endian=little | {
        low=0 high=0
        while read -r word; do
            low=$(((low + word) & 0xffffffff))
            high=$(((high + low) & 0xffffffff))
        done
        le32 $low; le32 $high
    }
}
put() { dd of="$image" bs=64k oflag=seek_bytes seek="$1" conv=notrunc iflag=fullblock status=none; }
partition_table $((3 * mib / 512)) $(((size - 3) * mib / 512)) | put 0
pfn_header > "$work/pfn"
{ cat "$work/pfn"; head -c 8 /dev/zero; } | fletcher64 >> "$work/pfn"
put 4096 < "$work/pfn"
partition_table $((mib / 512)) $(((size - 3) * mib / 512)) | put $((2 * mib))
# Files belong to root in the image whoever builds it.
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(unshare --map-root-user); fi
"${as_root[@]}" mke2fs -q -t ext4 -b 4096 -m 0 -J size=4 -L kata-rootfs -U clear \
    -E "offset=$((3 * mib)),root_owner=0:0,lazy_itable_init=0,nodiscard" -d "$root" "$image" "$(((size - 3) * 1024))k"

bytes() { stat -c %s "$work/out/$1"; }
cat > "$work/out/manifest.json" << JSON
{
  "name": "$name",
  "kernel": { "file": "vmlinux", "version": "$version", "bytes": $(bytes vmlinux) },
  "initrd": { "file": "initrd.img", "bytes": $(bytes initrd.img), "unpacked_bytes": $(du -sb "$root" | cut -f1) },
  "image": { "file": "rootfs.img", "bytes": $(bytes rootfs.img), "boot_initrd": "rootfs-boot.img", "kernel_params": "$image_params" },
  "kernel_params": "$kernel_params",
  "agent_sha256": "$(sha256sum "$agent" | cut -d' ' -f1)",
  "debian": "$suite",
  "packages": {
$(sed 's/^\([^ ]*\) \(.*\)$/    "\1": "\2"/; $!s/$/,/' "$packages/versions")
  }
}
JSON
chmod 755 "$work/out"
rm -rf "$result"
mv "$work/out" "$result"
finish
