#!/bin/bash
# Runs a busybox container in a machine of its own through a private containerd, and removes all of it afterwards.
#
#   run.sh [COMMAND LINE]     or CMD='…' run.sh; with neither, shows whose kernel answers
#
# Needs root and what 'make build image' leaves. The exit code is the container's. RUNTIME names another runtime.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
command=${*:-${CMD:-}}
runtime=${RUNTIME:-io.containerd.kata.v2}
guest=$top/artifacts/guest/current
image=kata-hex.local/busybox:run
container=run-$$

[ "$(id -u)" = 0 ] || { echo "run.sh: containerd and the shim need root" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/kata-hex.XXXXXX")
socket=$work/containerd.sock
containerd_pid= ctr_pid=

ctr=(ctr --address "$socket" --namespace default)

# Waits for a child of this script, which is killed if it takes longer than the seconds given. A child that has ended
# still has an entry in /proc, as a zombie.
wait_or_kill() {
    local pid=$1 tenths=$(($2 * 10))
    while [ "$tenths" -gt 0 ] && ! grep -qs '^State:.Z' "/proc/$pid/status" && kill -0 "$pid" 2> /dev/null; do
        sleep 0.1
        tenths=$((tenths - 1))
    done
    kill -KILL "$pid" 2> /dev/null
    wait "$pid" 2> /dev/null
}

clean_up() {
    trap '' INT TERM HUP
    set +e
    if [ -n "$ctr_pid" ] && kill -0 "$ctr_pid" 2> /dev/null; then
        echo "    stopping the container" >&2
        timeout 30 "${ctr[@]}" tasks kill --signal SIGKILL "$container" 2> /dev/null
        wait_or_kill "$ctr_pid" 30
    fi
    if [ -n "$containerd_pid" ] && kill -0 "$containerd_pid" 2> /dev/null; then
        # ctr run --rm has removed these unless it was interrupted.
        timeout 20 "${ctr[@]}" tasks delete --force "$container" > /dev/null 2>&1
        timeout 10 "${ctr[@]}" containers delete "$container" > /dev/null 2>&1
        kill -TERM "$containerd_pid"
        wait_or_kill "$containerd_pid" 15
    fi
    # The deepest first, should containerd have left any.
    awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount -l
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# An image in the layout of "docker save": one layer with busybox and its names.
make_image() {
    local tree=$work/tree files=$work/image name digest
    mkdir -p "$tree"/{bin,dev,etc,proc,sys,tmp,root} "$files"
    cp "$(command -v busybox)" "$tree/bin/busybox"
    for name in $("$tree/bin/busybox" --list); do [ "$name" = busybox ] || ln -s busybox "$tree/bin/$name"; done
    echo 'root:x:0:0:root:/root:/bin/sh' > "$tree/etc/passwd"
    echo 'root:x:0:' > "$tree/etc/group"
    chmod 1777 "$tree/tmp"
    tar -C "$tree" --owner=0 --group=0 --numeric-owner -cf "$files/layer.tar" .
    digest=$(sha256sum "$files/layer.tar" | cut -d' ' -f1)
    cat > "$files/config.json" << JSON
{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:$digest"]}}
JSON
    echo "[{\"Config\":\"config.json\",\"RepoTags\":[\"$image\"],\"Layers\":[\"layer.tar\"]}]" > "$files/manifest.json"
    tar -C "$files" -cf "$work/image.tar" manifest.json config.json layer.tar
}

# The shipped configuration with the paths of this build and of this host.
make_configuration() {
    sed -e "s#/usr/local/share/kata-hex/guest/current#$(realpath "$guest")#" \
        -e "s#/usr/local/share/kata-hex/virtiofsd/#$top/artifacts/virtiofsd/#" \
        -e "s#/usr/bin/qemu-system-x86_64#$(command -v qemu-system-x86_64)#" \
        "$here/configuration.toml" > "$work/configuration.toml"
}

start_containerd() {
    local try
    mkdir -p "$work"/{root,state,opt}
    cat > "$work/config.toml" << TOML
version = 2
root = "$work/root"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]
[grpc]
  address = "$socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "$work/opt"
TOML
    # A session of its own: Ctrl-C is for the container, whose end this script then sees to.
    KATA_CONF_FILE="$work/configuration.toml" PATH="$top/artifacts/publish:$PATH" \
        setsid containerd --config "$work/config.toml" > "$work/containerd.log" 2>&1 < /dev/null &
    containerd_pid=$!
    for try in $(seq 1 100); do
        if "${ctr[@]}" version > /dev/null 2>&1; then return 0; fi
        kill -0 "$containerd_pid" 2> /dev/null || break
        sleep 0.1
    done
    tail -20 "$work/containerd.log" >&2
    echo "run.sh: containerd does not start" >&2
    return 1
}

echo "    starting a private containerd"
make_image
make_configuration
start_containerd
"${ctr[@]}" images import "$work/image.tar" > "$work/import.log" 2>&1 || { cat "$work/import.log" >&2; exit 1; }

terminal=()
if [ -z "$command" ]; then
    arguments=(sh -c 'echo "container  $(uname -a)"; echo "container  /proc/1/comm: $(cat /proc/1/comm), up $(cut -d" " -f1 /proc/uptime) s"')
    echo "host       $(uname -a)"
    echo "host       /proc/1/comm: $(cat /proc/1/comm), up $(cut -d" " -f1 /proc/uptime) s"
else
    # The words as a shell splits them, with its quotes.
    eval "arguments=($command)"
    if [ -t 0 ] && [ -t 1 ]; then terminal=(--tty); fi
fi

echo "    starting the container in a machine"
code=0
"${ctr[@]}" run --rm --runtime "$runtime" "${terminal[@]}" \
    "$image" "$container" "${arguments[@]}" <&0 &
ctr_pid=$!
wait "$ctr_pid" || code=$?
ctr_pid=
if [ "$code" != 0 ]; then
    echo "    exit code $code" >&2
    if [ -n "${KEEP_LOG:-}" ]; then cp "$work/containerd.log" "$KEEP_LOG"; fi
fi
exit "$code"
