#!/usr/bin/bash
# fio.sh FOLDER SIZE: what is written is read again and compared, by several ways of writing; then how quick it is.
cd "$1" || exit 1
[ "$2" = whole ] && size=64m || size=1m
# Columns of fio's terse format, version 3: error 5; read: KiB/s 7, calls/s 8, mean latency µs 40; write: 48, 49, 81.
job() { name=$1; shift; fio --name=job --filename=fio.data --size=$size --minimal --terse-version=3 --randseed=7 --allow_mounted_write=1 "$@" > fio.out 2> fio.err; code=$?; }
verify() { job "$@" --verify=crc32c --verify_fatal=1 --do_verify=1
    if [ $code = 0 ]; then echo "verify, $name: ok"; else echo "verify, $name: exit $code $(grep -v '^fio-\|^$' fio.err | head -3 | tr '\n' ' ' | cut -c 1-200)"; fi; rm -f fio.data; }
verify 'in sequence' --rw=write --bs=64k --ioengine=psync
verify 'at random' --rw=randwrite --bs=4k --ioengine=psync
verify 'read and written at random' --rw=randrw --bs=4k --ioengine=psync
verify 'mapped' --rw=randwrite --bs=4k --ioengine=mmap
verify 'past the cache' --rw=randwrite --bs=4k --ioengine=psync --direct=1
verify 'past the cache, eight at once' --rw=randwrite --bs=4k --ioengine=libaio --iodepth=8 --direct=1
verify 'written through' --rw=randwrite --bs=16k --ioengine=psync --sync=1 --io_size=256k
verify 'odd sizes' --rw=randwrite --bsrange=512-8k --verify_interval=512 --ioengine=psync
verify 'trim between' --rw=randwrite --bs=4k --ioengine=psync --fallocate=none --verify_backlog=64
measure() { job "$@"; column=$(case $name in write*) echo '48 49 81' ;; *) echo '7 8 40' ;; esac); set -- $column
    [ $code = 0 ] && awk -F';' -v n="$name" -v a=$1 -v b=$2 -v c=$3 'NF > 100 { printf "= %s: %.1f MB/s\n= %s, calls: %d a second\n= %s, latency: %.0f µs\n", n, $a * 1.024 / 1000, n, $b, n, $c }' fio.out; }
measure 'write in sequence, 256 KiB' --rw=write --bs=256k --ioengine=psync --end_fsync=1
measure 'read in sequence, 256 KiB' --rw=read --bs=256k --ioengine=psync
measure 'read at random, 4 KiB' --rw=randread --bs=4k --ioengine=psync --io_size=$([ "$2" = whole ] && echo 16m || echo 2m)
measure 'write at random, 4 KiB, fdatasync each' --rw=randwrite --bs=4k --ioengine=psync --fdatasync=1 --io_size=1m
