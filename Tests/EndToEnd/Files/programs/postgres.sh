#!/usr/bin/bash
# postgres.sh FOLDER SIZE: a cluster made, filled, asked, stopped as it should be and as it should not, by who is not root.
if [ "$(id -u)" = 0 ]; then
    mkdir "$1/postgres" && chown 1000:1001 "$1/postgres" && exec setpriv --reuid=1000 --regid=1001 --clear-groups "$0" "$1/postgres" "$2"
fi
cd "$1" || exit 1
[ "$2" = whole ] && rows=20000 || rows=2000
export PGDATA=$1/data PGHOST=$1 PGUSER=postgres PGDATABASE=postgres HOME=$1 PGTZ=UTC
say() { name=$1; shift; if out=$("$@" 2> error); then echo "$name: ${out:-ok}"; else echo "$name: exit $? $(head -c 300 error)" | tr '\n' ' '; echo; fi; }
ask() { psql -qAtX -c "$1"; }
start() { pg_ctl -s -w -t 300 -l log -o "-c listen_addresses= -c unix_socket_directories=$PGHOST -c shared_buffers=4MB -c max_connections=10 -c autovacuum=off -c jit=off" start; }
say initdb sh -c 'initdb -U postgres -A trust --no-instructions --locale=C --encoding=UTF8 > /dev/null'
say start start
say table ask 'CREATE TABLE t (n int PRIMARY KEY, word text)'
say insert ask "INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, $rows) n"
say index ask 'CREATE INDEX ON t (word)'
say query ask "SELECT count(*), sum(n), min(word), max(word) FROM t"
say 'query by index' ask "SELECT n FROM t WHERE word = md5('77')"
say 'stop' pg_ctl -s -w -m fast stop
say 'start again' start
say 'query again' ask 'SELECT count(*), sum(n) FROM t'
say update ask "UPDATE t SET word = md5(word) WHERE n % 2 = 0"
say 'stop as a crash' pg_ctl -s -w -m immediate stop
say 'start after a crash' start
say 'query after a crash' ask 'SELECT count(*), min(word), max(word) FROM t'
say check ask "SELECT count(*) FROM pg_class WHERE pg_relation_size(oid) < 0"
say vacuum ask 'VACUUM FULL t'
say 'data folder' stat -c '%a %u %g' data
say 'stop at the end' pg_ctl -s -w -m fast stop
