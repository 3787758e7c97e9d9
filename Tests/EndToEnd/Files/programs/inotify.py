#!/usr/bin/python3 -SE
"""inotify.py FOLDER: what a container is told of its own doings, by inotify."""
import ctypes
import os
import struct
import sys

from see import see

libc = ctypes.CDLL(None, use_errno=True)
NAMES = {1: 'ACCESS', 2: 'MODIFY', 4: 'ATTRIB', 8: 'CLOSE_WRITE', 16: 'CLOSE_NOWRITE', 32: 'OPEN', 64: 'MOVED_FROM', 128: 'MOVED_TO', 256: 'CREATE', 512: 'DELETE', 1024: 'DELETE_SELF', 2048: 'MOVE_SELF', 8192: 'UNMOUNT', 16384: 'OVERFLOW', 32768: 'IGNORED'}
os.chdir(sys.argv[1])
os.mkdir('watched')
os.chdir('watched')
os.mkdir('sub')


def events(action, path='.', mask=0xfff):
    watcher = libc.inotify_init1(os.O_NONBLOCK)
    if libc.inotify_add_watch(watcher, path.encode(), mask) < 0:
        raise OSError(ctypes.get_errno(), '')
    action()
    told = []
    try:
        while chunk := os.read(watcher, 65536):
            while chunk:
                _, bits, _, length = struct.unpack_from('iIII', chunk)
                name = chunk[16:16 + length].rstrip(b'\0').decode()
                told.append('+'.join(NAMES[b] for b in NAMES if bits & b) + (f'({name})' if name else ''))
                chunk = chunk[16 + length:]
    except BlockingIOError:
        pass
    os.close(watcher)
    return ' '.join(told) or 'nothing'


def write(name, content='x'):
    with open(name, 'a') as file:
        file.write(content)


see('file made and written', lambda: events(lambda: write('a')))
see('file written', lambda: events(lambda: write('a'), 'a'))
see('file read', lambda: events(lambda: open('a').read()))
see('file renamed', lambda: events(lambda: os.rename('a', 'b')))
see('file moved in', lambda: events(lambda: (write('sub/c'), os.rename('sub/c', 'c'))))
see('file moved out', lambda: events(lambda: os.rename('c', 'sub/c')))
see('mode changed', lambda: events(lambda: os.chmod('b', 0o600)))
see('times changed', lambda: events(lambda: os.utime('b', (1, 1))))
see('attribute changed', lambda: events(lambda: os.setxattr('b', 'user.a', b'1')))
see('hard link made', lambda: events(lambda: os.link('b', 'd')))
see('link made', lambda: events(lambda: os.symlink('b', 'e')))
see('truncated', lambda: events(lambda: os.truncate('b', 0)))
see('folder made', lambda: events(lambda: os.mkdir('f')))
see('folder removed', lambda: events(lambda: os.rmdir('f')))
see('file removed', lambda: events(lambda: os.unlink('d')))
see('watched file removed', lambda: events(lambda: os.unlink('b'), 'b'))
see('watched folder removed', lambda: events(lambda: (os.unlink('sub/c'), os.rmdir('sub')), 'sub'))
see('watch of what is not there', lambda: events(lambda: None, 'none'))
see('watch of a folder alone', lambda: events(lambda: None, 'e', 0x1000100))
