#!/bin/bash
# Downloads and unpacks packages of a Debian suite, whatever suite this machine runs; installs nothing, needs no root.
#
#   debian.sh SUITE DIRECTORY PACKAGE...
#
# Each package is unpacked into DIRECTORY/root, its version is a line of DIRECTORY/versions. Dependencies are not
# followed, but for "X+", which stands for X and all that it depends on. "X>" stands for the one package of the kernel
# family that the meta package X depends on, "src:X" for the source of X, unpacked into DIRECTORY/source/X. A later call
# with the same packages asks Debian once a day whether it has newer ones and else does nothing; what is there stays if
# Debian cannot be asked. DIRECTORY/.stamp remembers suite, packages and files, its time the last question.
set -euo pipefail

suite=$1 directory=$2
shift 2

wanted=$(printf '%s\n' "$suite" "$@" files:)

mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
exec 8> "$directory/.lock"
flock 8
# Whether what was asked for is there, as old as it may be.
have() { [ -f "$directory/.stamp" ] && [ "$(sed '/^files:$/q' "$directory/.stamp")" = "$wanted" ]; }
if have && [ -n "$(find "$directory/.stamp" -mmin -1440)" ]; then exit 0; fi
# apt drops to its own user for downloads, which cannot always enter the directory: keep the private root in one it can.
apt_root=$(mktemp -d "${TMPDIR:-/tmp}/kata-hex-apt.XXXXXX")
trap 'rm -rf "$apt_root"' EXIT
chmod 755 "$apt_root"
mkdir -p "$apt_root"/{lists/partial,cache/archives/partial,download}
: > "$apt_root/status"

# The mirrors that this machine is set up with, as "URI kind" lines: kind is empty, "-updates" or "-security". Others'
# archives may be among them, which use Debian's suite names too.
mirrors() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    {
        cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null | awk '
            $1 == "deb" { sub(/\[[^]]*\]/, ""); if (/ main( |$)/) print $2, $3 }' || true
        sed -s '$G' /etc/apt/sources.list.d/*.sources 2> /dev/null | awk '
            function flush(  u, s, i, j, nu, ns) {
                nu = split(uris, u, " "); ns = split(suites, s, " ")
                if (main) for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++) print u[i], s[j]
                uris = suites = ""; main = 0
            }
            /^[ \t]*$/ { flush() }
            /^URIs:/ { $1 = ""; uris = $0 }
            /^Suites:/ { $1 = ""; suites = $0 }
            /^Components:/ { main = / main( |$)/ }
            END { flush() }' || true
    } | awk -v names="$codename stable testing unstable sid" '
        BEGIN { n = split(names, name, " ") }
        { for (i = 1; i <= n; i++) if (index($2, name[i]) == 1) { print $1, substr($2, length(name[i]) + 1); break } }' | sort -u
}

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
# An archive that has no such suite signed by Debian is somebody else's.
: > "$apt_root/log"
while read -r uri kind; do
    case $kind in
        '') ;;
        -updates | -security) [ "$suite" != sid ] || continue ;;
        *) continue ;;
    esac
    line="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite$kind main"
    case " $* " in *' src:'*) line+=$'\n'deb-src${line#deb} ;; esac
    echo "$line" > "$apt_root/sources.list"
    if private_apt apt-get update >> "$apt_root/log" 2>&1; then echo "$line" >> "$apt_root/good"; fi
done < <(mirrors)
if ! [ -s "$apt_root/good" ] && have; then
    echo "    Debian $suite cannot be asked for newer packages: those that are there stay" >&2
    exit 0
fi
if ! [ -s "$apt_root/good" ]; then
    tail -20 "$apt_root/log" >&2
    echo "debian.sh: none of the mirrors in /etc/apt/sources.list and sources.list.d has Debian $suite" >&2
    exit 1
fi
mv "$apt_root/good" "$apt_root/sources.list"
quietly private_apt apt-get update

packages=() whole=() sources=()
for package in "$@"; do
    case $package in
        *+) whole+=("${package%+}") ;;
        src:*) sources+=("${package#src:}") ;;
        *\>)
            real=$(private_apt apt-cache depends --important "${package%>}" | awk '$1 == "Depends:" && $2 ~ /^linux-/ { print $2; exit }')
            [ -n "$real" ] || { echo "debian.sh: ${package%>} depends on no kernel package in $suite" >&2; exit 1; }
            packages+=("$real") ;;
        *) packages+=("$package") ;;
    esac
done
if [ "${#whole[@]}" != 0 ]; then
    # As apt would install them on a machine that has nothing.
    mapfile -t whole < <(private_apt apt-get -s --no-install-recommends install "${whole[@]}" 2> "$apt_root/log" | awk '$1 == "Inst" { print $2 }')
    [ "${#whole[@]}" != 0 ] || { tail -20 "$apt_root/log" >&2; exit 1; }
    packages+=("${whole[@]}")
fi

# The names of the files hold the versions.
files=$(private_apt apt-get download --print-uris "${packages[@]}" 2> "$apt_root/log" | awk '/^\047/ { print $2 }' | sort)
[ -n "$files" ] || { tail -20 "$apt_root/log" >&2; exit 1; }
if [ "${#sources[@]}" != 0 ]; then
    files+=$'\n'$(private_apt apt-get source --print-uris "${sources[@]}" 2> "$apt_root/log" | awk '/^\047/ { print $2 }' | sort)
fi
if have && [ "$(cat "$directory/.stamp")" = "$wanted"$'\n'"$files" ]; then
    touch "$directory/.stamp"
    exit 0
fi

echo "    downloading ${#packages[@]} packages of Debian $suite"
(cd "$apt_root/download" && quietly private_apt apt-get download "${packages[@]}")
for package in "${sources[@]}"; do
    mkdir -p "$apt_root/source/$package"
    (cd "$apt_root/source/$package" && quietly private_apt apt-get source --download-only "$package")
done

rm -rf "$directory/root" "$directory/source" "$directory/.stamp"
for package in "${sources[@]}"; do
    mkdir -p "$directory/source/$package"
    tar -C "$directory/source/$package" --strip-components=1 -xf "$apt_root/source/$package"/*.orig.tar.?z
done
mkdir -p "$directory/root"
for archive in "$apt_root"/download/*.deb; do
    dpkg-deb -x "$archive" "$directory/root"
    dpkg-deb -W --showformat='${Package} ${Version}\n' "$archive"
done > "$directory/versions"
# The packages of newer suites know no other place than /usr, those of older ones both; here both names lead there.
for place in bin sbin lib lib64; do
    if ! [ -e "$directory/root/$place" ]; then ln -s "usr/$place" "$directory/root/$place"; fi
done
printf '%s\n%s\n' "$wanted" "$files" > "$directory/.stamp"
