#!/usr/bin/python3 -SE
"""peers.py FOLDER SIZE PART: two containers that use the same files at once. "first" holds and serves, "second" tries."""
import fcntl
import mmap
import os
import select
import socket
import struct
import sys
import time

from see import figure, see

os.chdir(sys.argv[1])
whole = struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0)


def first():
    os.umask(0)
    locks = [open(name, 'w+') for name in ('flocked', 'locked', 'owned')]
    fcntl.flock(locks[0], fcntl.LOCK_EX)
    fcntl.lockf(locks[1], fcntl.LOCK_EX)
    fcntl.fcntl(locks[2], 37, whole)
    with open('mapped', 'wb') as file:
        file.truncate(4096)
    with open('mapped', 'r+b') as file:
        memory = mmap.mmap(file.fileno(), 4096)
    memory[:5] = b'first'
    gone = open('gone', 'w+b')
    gone.write(b'kept')
    gone.flush()
    os.mkfifo('fifo')
    fifo = os.open('fifo', os.O_RDWR)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind('.at')
        server.listen()
        os.rename('.at', 'socket')
        served = server.accept()[0]
        served.sendall(b'served')
        served.recv(9)
        see('first sees what the second mapped', lambda: memory[5:11])
        see('first reads what the second wrote by fifo', lambda: os.read(fifo, 9) if select.select([fifo], [], [], 5)[0] else 'nothing')
        see('first reads a file that the second has deleted', lambda: os.pread(gone.fileno(), 9, 0))
        see('first sees what the second appended', lambda: os.stat('log').st_size)
        served.sendall(b'on')
        end = served.recv(9)
        see('first is told of the end', lambda: end)


def second():
    while not os.path.exists('socket'):
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX) as client:
        see('socket of the other container', lambda: client.connect('socket') or client.recv(9))
        see('flock that the other container holds', lambda: fcntl.flock(open('flocked'), fcntl.LOCK_EX | fcntl.LOCK_NB))
        see('lock of a range that the other container holds', lambda: fcntl.lockf(open('locked', 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB))
        see('lock of an open file that the other container holds', lambda: fcntl.fcntl(open('owned', 'r+'), 37, whole))

        def mapping():
            with open('mapped', 'r+b') as file:
                memory = mmap.mmap(file.fileno(), 4096)
            memory[5:11] = b'second'
            return memory[:5]

        see('mapping of the other container', mapping)
        see('fifo of the other container', lambda: os.write(os.open('fifo', os.O_WRONLY | os.O_NONBLOCK), b'carried'))
        see('file that the other container has open is deleted', lambda: os.unlink('gone'))
        see('file is made', lambda: open('log', 'a').write('four'))
        client.sendall(b'look')
        client.recv(9)
        client.sendall(b'end')


{'first': first, 'second': second}[sys.argv[3]]()
