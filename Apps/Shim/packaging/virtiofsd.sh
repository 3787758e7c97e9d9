#!/bin/bash
# Makes the newest virtiofsd of Debian that is known to work ready for this host, whatever release that runs: the program,
# its loader and its libraries in one directory, whose place is written into the program. So it starts by its path, like
# one that is installed; nothing of the host's is replaced.
#
#   virtiofsd.sh [DIRECTORY [PLACE]]     into artifacts/virtiofsd; PLACE is what DIRECTORY will be called on the host
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
mkdir -p "${1:-$top/artifacts/virtiofsd}"
directory=$(cd "${1:-$top/artifacts/virtiofsd}" && pwd)
place=${2:-$directory}
packages=$top/artifacts/packages/virtiofsd
loader=ld-linux-x86-64.so.2

exec 9> "$directory.lock"
flock 9
"$top/Apps/Agent/image/debian.sh" trixie "$packages" virtiofsd libc6 libcap-ng0 libseccomp2 libgcc-s1 9>&-
stamp=$(cat "$packages/versions" "$0"; echo "$place")
if [ "$(cat "$directory.stamp" 2> /dev/null)" = "$stamp" ]; then exit 0; fi

work=$(mktemp -d "$directory.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
for library in $loader libc.so.6 libm.so.6 libcap-ng.so.0 libseccomp.so.2 libgcc_s.so.1; do
    install -m 755 "$packages/root/usr/lib/x86_64-linux-gnu/$library" "$work/$library"
done
install -m 755 "$packages/root/usr/libexec/virtiofsd" "$work/virtiofsd"
# An rpath of the old kind also counts for what the libraries need of each other.
patchelf --set-interpreter "$place/$loader" --force-rpath --set-rpath "$place" "$work/virtiofsd"
# File by file and by rename: what runs keeps its own.
for file in "$work"/*; do mv "$file" "$directory/"; done
printf '%s\n' "$stamp" > "$directory.stamp"
echo "    virtiofsd $(awk '$1 == "virtiofsd" { print $2 }' "$packages/versions")"
