#!/usr/bin/bash
# sqlite.sh FOLDER SIZE PART: a database in WAL mode that two containers write at once ("first", "second") and one looks
# at when they are through ("after").
cd "$1" || exit 1
[ "$2" = whole ] && rows=200 || rows=20
ask() { sqlite3 -cmd '.timeout 60000' data.db "$@" 2>&1; }
write() { i=0; while [ $i -lt $rows ]; do echo "INSERT INTO t VALUES ('$1', $i);"; i=$((i + 1)); done | ask > write.$1; [ -s write.$1 ] && sed "s/^/$1 writes: /" write.$1 || echo "$1 writes: ok"; }
case $3 in
    first) echo "mode: $(ask 'PRAGMA journal_mode=wal')"; ask 'CREATE TABLE t (who TEXT, n INT)'; : > ready; write first ;;
    second) while ! [ -e ready ]; do sleep 1; done; write second ;;
    after)
        echo "rows: $(ask 'SELECT count(*) FROM t')" ; echo "rows that differ: $(ask 'SELECT count(DISTINCT who || n) FROM t')"
        echo "integrity: $(ask 'PRAGMA integrity_check')"
        echo "checkpoint: $(ask 'PRAGMA wal_checkpoint(TRUNCATE)')"; echo "mode after: $(ask 'PRAGMA journal_mode')" ;;
esac
