#!/usr/bin/bash
# fio.sh FOLDER SIZE: what is written is read again and compared, by several ways of writing; then how quick it is. All
# jobs of a kind are one run, one after the other: with its libraries fio is slow to start where the processor is emulated.
cd "$1" || exit 1
[ "$2" = whole ] && size=16m some=8m || size=1m some=1m
told=--minimal\ --terse-version=3
given="--ioengine=psync --randseed=7 --allow_mounted_write=1 --size=$size"
# Columns of the terse format: name 3, error 5; read: KiB/s 7, calls/s 8, mean latency µs 40; write: 48, 49, 81.
each() { awk -F';' "$@"; }

verify() { n=$((n + 1)); jobs+=(--name="$1" --stonewall --filename="v$n" --unlink=1 $given --verify=crc32c --verify_fatal=1 --do_verify=1 "${@:2}"); }
verify 'in sequence' --rw=write --bs=64k
verify 'at random' --rw=randwrite --bs=4k
verify 'read and written at random' --rw=randrw --bs=4k
verify 'mapped' --rw=randwrite --bs=4k --ioengine=mmap
verify 'past the cache' --rw=randwrite --bs=4k --direct=1
verify 'past the cache, eight at once' --rw=randwrite --bs=4k --ioengine=libaio --iodepth=8 --direct=1
verify 'written through' --rw=randwrite --bs=16k --sync=1 --io_size=256k
verify 'odd sizes' --rw=randwrite --bsrange=512-8k --verify_interval=512
verify 'without room made before' --rw=randwrite --bs=4k --fallocate=none --verify_backlog=64
fio $told "${jobs[@]}" 2> fio.err | each 'NF > 100 { print "verify, " $3 ": " ($5 ? "error " $5 : "ok") }'
grep -v '^fio-\|^$' fio.err | head -3 | sed 's/^/verify, what fio says: /'

measure() { measures+=(--name="$1" --stonewall --filename=m $given "${@:2}"); }
measure 'write in sequence, 256 KiB' --rw=write --bs=256k --end_fsync=1
measure 'read in sequence, 256 KiB' --rw=read --bs=256k
measure 'read at random, 4 KiB' --rw=randread --bs=4k --io_size=$some
measure 'write at random, 4 KiB, fdatasync each' --rw=randwrite --bs=4k --fdatasync=1 --io_size=1m
fio $told "${measures[@]}" 2> /dev/null | each 'NF > 100 { at = $3 ~ /^write/ ? 48 : 7; late = $3 ~ /^write/ ? 81 : 40
    printf "= %s: %.1f MB/s\n= %s, calls: %d a second\n= %s, latency: %.0f µs\n", $3, $at * 1.024 / 1000, $3, $(at + 1), $3, $late }'
