#!/bin/bash
# Unpacks into artifacts/peers/files what the comparison of files with runc runs: root/usr with the programs and all that
# they need, source/fuse3 with libfuse's tests. Nothing is installed.
set -euo pipefail

cd "$(dirname "$0")/../.."
Apps/Agent/image/debian.sh trixie artifacts/peers/files src:fuse3 \
    bash+ coreutils+ findutils+ diffutils+ grep+ sed+ gzip+ tar+ rsync+ attr+ acl+ libcap2-bin+ util-linux+ \
    python3+ git+ sqlite3+ postgresql+ fio+ npm+

# As the package does when it is installed: else Python compiles its own library at each start.
cd artifacts/peers/files/root/usr
library=$(echo lib/python3.[0-9]*)
if [ ! -d "$library/__pycache__" ]; then
    PYTHONHOME=$PWD lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path lib/x86_64-linux-gnu "bin/$(basename "$library")" \
        -SB -m compileall -q --invalidation-mode=unchecked-hash "$library" > /dev/null
fi
