#!/bin/bash
# Puts Kata.Hex on this host, or takes it away again.
#
#   install.sh install | uninstall
#
#   $PREFIX/bin/containerd-shim-kata-v2, $PREFIX/bin/kata-runtime
#   $PREFIX/share/kata-hex/guest/<version>/, and the link "current" to it
#   $PREFIX/share/kata-hex/virtiofsd/                          the file daemon with loader and libraries of its own
#   $PREFIX/share/kata-hex/installed-files                     what uninstall removes
#   /usr/share/defaults/kata-containers/configuration.toml     the defaults; its place does not depend on PREFIX
#
# /etc/kata-containers/configuration.toml is the administrator's and never touched. DESTDIR is put before every path.
# Machines that run keep the guest they were started from.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
prefix=${PREFIX:-/usr/local} dest=${DESTDIR:-}
share=$prefix/share/kata-hex
defaults=/usr/share/defaults/kata-containers/configuration.toml
record=$dest$share/installed-files

# The directories that are only ours, once they are empty.
remove_directories() {
    find "$dest$share" -depth -type d -empty -delete 2> /dev/null || true
    rmdir "$(dirname "$dest$defaults")" "$(dirname "$(dirname "$dest$defaults")")" 2> /dev/null || true
}

do_uninstall() {
    local path
    [ -f "$record" ] || { echo "    nothing is installed under $dest$prefix"; return 0; }
    while read -r path; do
        rm -f "$dest$path"
        echo "    $dest$path"
    done < "$record"
    rm -f "$record"
    remove_directories
}

# What is to be installed: mode, file, place.
plan() {
    local file
    echo "755 $top/artifacts/publish/containerd-shim-kata-v2 $prefix/bin/containerd-shim-kata-v2"
    echo "755 $top/artifacts/publish/kata-runtime $prefix/bin/kata-runtime"
    for file in "$daemon"/*; do echo "755 $file $share/virtiofsd/$(basename "$file")"; done
    for file in "$guest"/*; do echo "644 $file $share/guest/$version/$(basename "$file")"; done
    echo "644 $configuration $defaults"
}

do_install() {
    local guest version configuration daemon before after path mode file
    guest=$(realpath "$top/artifacts/guest/current")
    version=$(basename "$guest")
    daemon=$top/artifacts/virtiofsd-installed
    "$here/virtiofsd.sh" "$daemon" "$share/virtiofsd"
    configuration=$(mktemp)
    trap 'rm -f "'"$configuration"'"' EXIT
    sed -e "s#/usr/local/share/kata-hex#$share#" "$here/configuration.toml" > "$configuration"

    before=$(cat "$record" 2> /dev/null || true)
    after=$(plan | cut -d' ' -f3; echo "$share/guest/current")
    for path in $after; do
        if [ -e "$dest$path" ] && ! grep -qxF "$path" <<< "$before"; then
            echo "install.sh: $dest$path exists and is not from here; remove it, or the package it belongs to, first" >&2
            exit 1
        fi
    done

    # The record comes first and holds the old files too, so that an installation cut short can be taken away.
    mkdir -p "$dest$share/guest"
    printf '%s\n%s\n' "$before" "$after" | sed '/^$/d' | sort -u > "$record"
    plan | while read -r mode file path; do
        # By rename: what runs keeps its file.
        install -D -m "$mode" "$file" "$dest$path.new"
        mv "$dest$path.new" "$dest$path"
        echo "    $dest$path"
    done
    ln -sfn "$version" "$dest$share/guest/current"
    # What an earlier installation had and this one has not, older guests above all.
    for path in $before; do
        if ! grep -qxF "$path" <<< "$after"; then rm -f "$dest$path"; fi
    done
    printf '%s\n' "$after" > "$record"
    remove_directories
}

case ${1:-} in
    install) echo "== install"; do_install ;;
    uninstall) echo "== uninstall"; do_uninstall ;;
    *) echo "usage: install.sh install|uninstall" >&2; exit 2 ;;
esac
