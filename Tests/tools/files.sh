#!/bin/bash
# Unpacks into artifacts/peers/files what the comparison of files with runc runs: root/usr with the programs and all that
# they need, source/fuse3 with libfuse's tests. Nothing is installed.
set -euo pipefail

cd "$(dirname "$0")/../.."
Apps/Agent/image/debian.sh trixie artifacts/peers/files src:fuse3 \
    bash+ coreutils+ findutils+ diffutils+ grep+ sed+ gzip+ tar+ rsync+ attr+ acl+ libcap2-bin+ util-linux+ \
    python3+ git+ sqlite3+ postgresql+ fio+ npm+
