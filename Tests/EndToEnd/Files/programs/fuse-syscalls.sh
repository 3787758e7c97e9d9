#!/usr/bin/bash
# fuse-syscalls.sh FOLDER: libfuse's own tests of a file system's calls, as root and as another user. What it says of a
# test that failed stands in place of "ok".
told() {
    sed -n 's/mode: /mode /; s/^ *\([0-9]*\) \[\(.*\)\] OK$/\1 \2: ok/p; s/^ *\([0-9]*\) \[\(.*\)\] \(.*\)$/\1 \2: \3/p' |
        awk -v who="$1" -v at="$PWD" 'BEGIN { FS = OFS = ": " } { name = $1; sub(/^[^:]*: /, ""); gsub(at, "FOLDER")
            if (!(name in said)) order[++n] = name
            said[name] = said[name] == "" ? $0 : said[name] " / " $0 }
            END { for (i = 1; i <= n; i++) print who " " order[i] ": " said[order[i]] }'
}
cd "$1" || exit 1
mkdir root web && chown 1000:1001 web
/tools/test_syscalls "$PWD/root" -u 2>&1 | told root
setpriv --reuid=1000 --regid=1001 --clear-groups /tools/test_syscalls "$PWD/web" -u 2>&1 | told user
:
