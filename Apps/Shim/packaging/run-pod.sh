#!/bin/bash
# Runs a pod of two containers through containerd's CRI plugin: one serves a page, the other and the host fetch it.
#
# All of it lives in mount, process and network namespaces of its own; what the pod left there is compared with what was
# there before it. Needs root and what 'make build image' leaves. RUNTIME names another handler: runc.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
handler=${RUNTIME:-kata}
guest=$top/artifacts/guest/current
image=docker.io/library/busybox:pod
pause=docker.io/library/pause:pod
bridge=cni-kata-run

[ "$(id -u)" = 0 ] || { echo "run-pod.sh: containerd and the shim need root" >&2; exit 1; }
if [ "${1:-}" != inside ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/kata-hex.XXXXXX")
    trap 'rm -rf --one-file-system "$work"; find /sys/fs/cgroup -depth -type d -path "*/kata-run-$$*" -exec rmdir {} + 2> /dev/null || :' EXIT
    trap : INT TERM HUP
    # The daemon's own shell sees to Ctrl-C; this one waits for it and removes the folder.
    code=0
    unshare --mount --propagation private --pid --fork --mount-proc --net --kill-child=SIGKILL \
        "$0" inside "$work" "kata-run-$$" || code=$?
    exit "$code"
fi

work=$2 mark=$3
socket=$work/containerd.sock
containerd_pid= pod=

clean_up() {
    local code=$?
    trap '' INT TERM HUP
    set +e
    if [ -n "$pod" ]; then remove_pod; fi
    if [ -n "$containerd_pid" ]; then
        if [ -n "${KEEP_LOG:-}" ]; then cp "$work/containerd.log" "$KEEP_LOG"; fi
        kill -TERM "$containerd_pid"
        for _ in $(seq 100); do
            kill -0 "$containerd_pid" 2> /dev/null && ! grep -qs '^State:.Z' "/proc/$containerd_pid/status" || break
            sleep 0.1
        done
    fi
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# One client for all requests, as starting it takes longer than most of them: words in, ended by a unit separator each; out
# comes an answer, ended by a record separator and the exit code. Descriptors 5 and 6 are seen by subshells too.
start_client() {
    # shellcheck disable=SC2034
    coproc CLIENT {
        TERM=dumb CONTAINER_RUNTIME_ENDPOINT="$socket" exec dotnet exec "$top/artifacts/bin/Cri/release/Kata.Tests.Cri.dll" -
    }
    exec 5>&"${CLIENT[1]}" 6<&"${CLIENT[0]}"
}

cri() {
    local answer code
    printf '%s\037' "$@" >&5
    echo >&5
    IFS= read -r -d $'\036' answer <&6 && read -r code <&6 || { echo "run-pod.sh: the CRI client has ended" >&2; return 1; }
    printf '%s' "$answer"
    return "$code"
}

# An image in the layout of "docker save": one layer with busybox and its names.
make_image() {
    local name=$1 command=$2 tree=$work/tree files=$work/image applet digest
    mkdir -p "$files"
    if [ ! -d "$tree" ]; then
        mkdir -p "$tree"/{bin,dev,etc,proc,sys,tmp,root,www}
        cp "$(command -v busybox)" "$tree/bin/busybox"
        for applet in $("$tree/bin/busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"; done
        echo 'root:x:0:0:root:/root:/bin/sh' > "$tree/etc/passwd"
        echo 'root:x:0:' > "$tree/etc/group"
        chmod 1777 "$tree/tmp"
    fi
    tar -C "$tree" --owner=0 --group=0 --numeric-owner -cf "$files/layer.tar" .
    digest=$(sha256sum "$files/layer.tar" | cut -d' ' -f1)
    cat > "$files/config.json" << JSON
{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh","-c","$command"]},"rootfs":{"type":"layers","diff_ids":["sha256:$digest"]}}
JSON
    echo "[{\"Config\":\"config.json\",\"RepoTags\":[\"$name\"],\"Layers\":[\"layer.tar\"]}]" > "$files/manifest.json"
    tar -C "$files" -cf "$work/image.tar" manifest.json config.json layer.tar
    ctr --address "$socket" --namespace k8s.io images import "$work/image.tar" > "$work/import.log" 2>&1 || { cat "$work/import.log" >&2; return 1; }
}

# The shipped configuration with the paths of this build and of this host.
make_configuration() {
    sed -e "s#/usr/local/share/kata-hex/guest/current#$(realpath "$guest")#" \
        -e "s#/usr/local/share/kata-hex/virtiofsd/#$top/artifacts/virtiofsd/#" \
        -e "s#/usr/bin/qemu-system-x86_64#$(command -v qemu-system-x86_64)#" \
        "$here/configuration.toml" > "$work/configuration.toml"
}

handlers() {
    cat << TOML
[plugins."$1".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "$work/cni"
[plugins."$1".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."$1".containerd.runtimes.kata]
  runtime_type = "io.containerd.kata.v2"
  privileged_without_host_devices = true
  pod_annotations = ["io.katacontainers.*"]
TOML
}

# CAP_SYS_RESOURCE, which lowering a score needs, is missing on many build machines: hence restrict_oom_score_adj.
daemon_configuration() {
    cat << TOML
root = "$work/root"
state = "$work/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "$socket"
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_port = "0"
TOML
    if containerd --version | grep -q ' v\?1\.'; then
        printf '  sandbox_image = "%s"\n  restrict_oom_score_adj = true\n' "$pause"
        handlers io.containerd.grpc.v1.cri
    else
        printf '[plugins."io.containerd.cri.v1.images".pinned_images]\n  sandbox = "%s"\n' "$pause"
        printf '[plugins."io.containerd.cri.v1.runtime"]\n  restrict_oom_score_adj = true\n'
        handlers io.containerd.cri.v1.runtime
    fi
}

start_containerd() {
    mkdir -p "$work"/{root,state,cni,logs}
    cat > "$work/cni/10-pods.conflist" << JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "/run/cni-networks", "ranges": [[{"subnet": "10.88.72.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
    if containerd --version | grep -q ' v\?1\.'; then echo 'version = 2'; else echo 'version = 3'; fi > "$work/config.toml"
    daemon_configuration >> "$work/config.toml"
    # A session of its own: Ctrl-C is for this script, which then sees to the pod's end.
    KATA_CONF_FILE="$work/configuration.toml" PATH="$top/artifacts/publish:$PATH" \
        setsid containerd --config "$work/config.toml" > "$work/containerd.log" 2>&1 < /dev/null &
    containerd_pid=$!
    for _ in $(seq 1 100); do
        if ctr --address "$socket" version > /dev/null 2>&1; then return 0; fi
        kill -0 "$containerd_pid" 2> /dev/null || break
        sleep 0.1
    done
    tail -20 "$work/containerd.log" >&2
    echo "run-pod.sh: containerd does not start" >&2
    return 1
}

# What a pod could leave, one fact a line.
picture() {
    {
        cat /proc/[0-9]*/comm 2> /dev/null | grep -e containerd -e qemu -e virtiofsd -e vhost | sed 's/^/process /'
        awk '{ print "mount", $5 }' /proc/self/mountinfo
        find /run -mindepth 1 -maxdepth 4 ! -path '/run/containerd/fifo/*' ! -path '/run/cni-networks/*' ! -path '/run/xtables.lock' | sed 's/^/path /'
        find /sys/fs/cgroup -type d -path "*/$mark*" | sed 's/^/cgroup /'
        ip -o link | awk '{ print "link", $2 }'
        tc qdisc show | awk '{ print "qdisc", $2, $5 }'
    } | sort
}

remove_pod() {
    cri stopp "$pod" && cri rmp "$pod"
    pod=
}

container() {
    cat > "$work/$1.json" << JSON
{"metadata": {"name": "$1"}, "image": {"image": "$image"}, "command": ["sh", "-c", "$2"], "log_path": "$1.log", "linux": {}}
JSON
    cri run "$pod" "$work/pod.json" "$work/$1.json"
}

mount -t tmpfs tmpfs /run
# Folders that a runtime makes once and leaves, among them.
mkdir -p /run/lock /run/netns /run/mount /run/vc/sbs /run/kata-containers/shared/sandboxes /var/lib/cni
mount -t tmpfs tmpfs /var/lib/cni
ip link set lo up
ip link add "$bridge" type bridge
ip link set "$bridge" up

echo "    starting a private containerd with its CRI plugin and a CNI bridge"
make_configuration
start_containerd
make_image "$pause" 'while :; do sleep 3600; done'
make_image "$image" 'sh'
start_client
cri ready "$image" "$pause"
cat > "$work/pod.json" << JSON
{"metadata": {"name": "shop", "uid": "shop-1", "namespace": "demo"}, "hostname": "shop", "log_directory": "$work/logs",
 "linux": {"cgroup_parent": "/$mark", "security_context": {"namespace_options": {"pid": 1}}}}
JSON

# The first pod makes what every later one finds: rules, shared parents.
pod=$(cri runp runc "$work/pod.json")
remove_pod
picture > "$work/before"

echo "    starting a pod with two containers"
pod=$(cri runp "$handler" "$work/pod.json")
address=$(cri ip "$pod")
server=$(container server "echo 'hello from '\$(hostname), kernel \$(uname -r) > /www/index.html; echo serving; exec httpd -f -v -p 80 -h /www")
client=$(container client "until wget -qO- http://127.0.0.1/; do sleep 0.2; done; exec sleep 1000000")

echo "pod        $address, handler $handler"
cri exec "$client" sh -c 'until wget -qO- http://127.0.0.1/ 2> /dev/null; do sleep 0.2; done' | sed 's/^/container  /'
busybox wget -qO- "http://$address/" | sed 's/^/host       /'
cri exec "$server" sh -c 'echo "pid $$ of $(hostname), $(cat /proc/sys/kernel/osrelease)"' | sed 's/^/exec       /'
for name in server client; do sed "s/^/log $name /" "$work/logs/$name.log"; done
cri stats "$server" "$client" | sed 's/^/stats      /'

echo "    removing it"
remove_pod
for _ in $(seq 50); do
    picture > "$work/after"
    if cmp -s "$work/before" "$work/after"; then break; fi
    sleep 0.1
done
if diff "$work/before" "$work/after" > "$work/difference"; then
    echo "host       unchanged: $(wc -l < "$work/after") processes, mounts, links, qdiscs, cgroups and files as before"
else
    echo "host       changed:" >&2
    cat "$work/difference" >&2
    exit 1
fi
