#!/bin/bash
# Installs what building, testing and running need on a Debian machine that has the .NET SDK, and only what is missing.
# Packages are told by a command or file of theirs, so that another vendor's containerd or QEMU is left in peace.
set -euo pipefail

# package  what shows that it is there
needs() {
    cat << LIST
qemu-system-x86 qemu-system-x86_64
containerd containerd
containerd containerd-shim-runc-v2
containerd ctr
runc runc
busybox-static busybox
containernetworking-plugins /usr/lib/cni/bridge
iptables iptables
iproute2 ip
nftables nft
dmsetup dmsetup
kmod modprobe
cpio cpio
lz4 lz4
zstd zstd
xz-utils xz
e2fsprogs mke2fs
util-linux flock
binutils readelf
patchelf patchelf
gcc gcc
libc6-dev /usr/include/stdio.h
zlib1g-dev /usr/include/zlib.h
LIST
}

present() {
    case $1 in
        /*) [ -e "$1" ] ;;
        *) PATH=$PATH:/usr/sbin:/sbin command -v "$1" > /dev/null ;;
    esac
}

find_missing() {
    needs | while read -r package sign; do
        if ! present "$sign"; then echo "$package"; fi
    done | sort -u
}

missing=$(find_missing)
[ -n "$missing" ] || exit 0
if ! command -v dotnet > /dev/null; then
    echo "deps: the .NET SDK (dotnet) is not there; install it first, see global.json for its version" >&2
    exit 1
fi

root=()
if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2> /dev/null; then
        echo "deps: missing packages; install them as root: apt-get install --no-install-recommends" $missing >&2
        exit 1
    fi
    root=(sudo -n)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt() {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@" \
        < /dev/null > "$log" 2>&1
}
# Another apt may hold the lists' lock, for which apt-get itself does not wait.
update() {
    local try
    for try in $(seq 1 60); do
        if apt update; then return 0; fi
        grep -q 'Could not get lock' "$log" || return 1
        [ "$try" != 1 ] || echo "    waiting for another apt to end"
        sleep 5
    done
    return 1
}

echo "    installing" $missing
update || { tail -5 "$log" >&2; echo "deps: apt-get update failed" >&2; exit 1; }
# --no-remove: never at the price of something that is there, such as another vendor's containerd.
# shellcheck disable=SC2086
apt install --no-install-recommends --no-remove $missing || { tail -20 "$log" >&2; echo "deps: apt-get install failed" >&2; exit 1; }

missing=$(find_missing)
if [ -n "$missing" ]; then
    echo "deps: still missing after the installation:" $missing >&2
    exit 1
fi
