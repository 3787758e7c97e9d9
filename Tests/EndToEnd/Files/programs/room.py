#!/usr/bin/python3 -SE
"""room.py FOLDER: a small file system that fills up."""
import errno
import mmap
import os
import sys

from see import in_child, see

os.chdir(sys.argv[1])
block = b'x' * 65536


def fill(name):
    fd = os.open(name, os.O_CREAT | os.O_WRONLY)
    try:
        while True:
            os.write(fd, block)
            os.fsync(fd)
    finally:
        os.close(fd)


def with_reserve():
    os.unlink('full')
    with open('again', 'wb') as file:
        file.write(b'fits')
        file.flush()
        os.fsync(file.fileno())


see('until it is full', lambda: fill('full'))
see('size of what was written, in 64 KiB', lambda: os.stat('full').st_size > 10 * 65536)
see('what was written before', lambda: set(open('full', 'rb').read(65536)) == {120})
see('room that is left', lambda: os.statvfs('.').f_bavail)
see('one more byte', lambda: fill('more'))
see('a folder', lambda: [os.mkdir(f'folder-{n}') for n in range(100)] and None)
see('room by fallocate', lambda: os.posix_fallocate(os.open('alloc', os.O_CREAT | os.O_RDWR), 0, 1 << 20))
see('file is shorter, then there is room', with_reserve)


def too_large():
    with open('mapped', 'wb') as file:
        file.truncate(8 << 20)
    with open('mapped', 'r+b') as file:
        memory = mmap.mmap(file.fileno(), 0)
        for at in range(0, 8 << 20, 4096):
            memory[at] = 1
        memory.flush()


see('mapping of more than there is room for', lambda: in_child(too_large))
