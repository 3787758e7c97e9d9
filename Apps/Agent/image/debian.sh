#!/bin/bash
# Downloads and unpacks packages of a Debian suite, whatever suite this machine runs; installs nothing, needs no root.
#
#   debian.sh SUITE DIRECTORY PACKAGE...
#
# Each package is unpacked into DIRECTORY/root, its version is a line of DIRECTORY/versions. Dependencies are not
# followed. "X>" stands for the one package of the kernel family that the meta package X depends on. A second call
# with the same packages does nothing; DIRECTORY/.stamp remembers them.
set -euo pipefail

suite=$1 directory=$2
shift 2

wanted=$(printf '%s\n' "$suite" "$@")
if [ -f "$directory/.stamp" ] && [ "$(cat "$directory/.stamp")" = "$wanted" ]; then exit 0; fi

mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
# apt drops to its own user for downloads, which cannot always enter the directory: keep the private root in one it can.
apt_root=$(mktemp -d "${TMPDIR:-/tmp}/kata-hex-apt.XXXXXX")
trap 'rm -rf "$apt_root"' EXIT
chmod 755 "$apt_root"
mkdir -p "$apt_root"/{lists/partial,cache/archives/partial,download}
: > "$apt_root/status"

# This machine's own Debian mirrors, as "URI kind" lines: kind is empty, "-updates" or "-security".
mirrors() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null | awk -v codename="$codename" '
        $1 == "deb" {
            sub(/\[[^]]*\]/, "")
            if (index($3, codename) == 1) print $2, substr($3, length(codename) + 1)
        }' || true
    cat /etc/apt/sources.list.d/*.sources 2> /dev/null | awk -v codename="$codename" '
        function flush(  u, s, i, j, nu, ns) {
            nu = split(uris, u, " "); ns = split(suites, s, " ")
            for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++)
                if (index(s[j], codename) == 1) print u[i], substr(s[j], length(codename) + 1)
            uris = suites = ""
        }
        /^[ \t]*$/ { flush() }
        /^URIs:/ { $1 = ""; uris = $0 }
        /^Suites:/ { $1 = ""; suites = $0 }
        END { flush() }' || true
}

mirrors | sort -u | while read -r uri kind; do
    case "$suite$kind" in
        sid | bookworm | bookworm-updates | bookworm-security | trixie | trixie-updates | trixie-security)
            echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite$kind main" ;;
    esac
done > "$apt_root/sources.list"
if ! [ -s "$apt_root/sources.list" ]; then
    echo "debian.sh: no Debian mirror found in /etc/apt/sources.list or /etc/apt/sources.list.d" >&2
    exit 1
fi

private_apt() {
    local tool=$1
    shift
    "$tool" -q \
        -o Dir::Etc::SourceList="$apt_root/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State="$apt_root" -o Dir::State::lists="$apt_root/lists" -o Dir::State::status="$apt_root/status" \
        -o Dir::Cache="$apt_root/cache" -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none \
        -o Acquire::Retries=3 -o APT::Architecture=amd64 -o APT::Architectures=amd64 "$@"
}

# Errors name mirrors, which are this machine's own affair: they go to a log that is shown only on failure.
quietly() {
    if ! "$@" > "$apt_root/log" 2>&1; then
        tail -20 "$apt_root/log" >&2
        return 1
    fi
}

echo "    reading Debian $suite's package lists"
quietly private_apt apt-get update

packages=()
for package in "$@"; do
    case $package in
        *\>)
            real=$(private_apt apt-cache depends --important "${package%>}" | awk '$1 == "Depends:" && $2 ~ /^linux-/ { print $2; exit }')
            [ -n "$real" ] || { echo "debian.sh: ${package%>} depends on no kernel package in $suite" >&2; exit 1; }
            packages+=("$real") ;;
        *) packages+=("$package") ;;
    esac
done

echo "    downloading ${#packages[@]} packages of Debian $suite"
(cd "$apt_root/download" && quietly private_apt apt-get download "${packages[@]}")

rm -rf "$directory/root" "$directory/.stamp"
mkdir -p "$directory/root"
for archive in "$apt_root"/download/*.deb; do
    dpkg-deb -x "$archive" "$directory/root"
    dpkg-deb -W --showformat='${Package} ${Version}\n' "$archive"
done > "$directory/versions"
printf '%s\n' "$wanted" > "$directory/.stamp"
