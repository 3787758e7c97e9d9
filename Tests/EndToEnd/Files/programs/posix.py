#!/usr/bin/python3 -SE
"""posix.py FOLDER: how files behave there, call by call."""
import array
import ctypes
import fcntl
import mmap
import os
import signal
import socket
import stat
import struct
import sys
import time

from see import in_child, see

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
WEB, WEBS, SHARED = 1000, 1001, 2000

top = os.path.join(sys.argv[1], 'posix')
os.mkdir(top)
os.chmod(top, 0o755)
os.chdir(top)
os.umask(0)


def call(function, *arguments):
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), '')


def renameat2(old, new, flags):
    call(libc.renameat2, AT_FDCWD, old.encode(), AT_FDCWD, new.encode(), flags)


def give_name(fd, name):
    call(libc.linkat, AT_FDCWD, f'/proc/self/fd/{fd}'.encode(), AT_FDCWD, name.encode(), 0x400)


def fallocate(fd, mode, offset, length):
    call(libc.fallocate, fd, mode, ctypes.c_long(offset), ctypes.c_long(length))


def make(name, content=b'', mode=0o644):
    fd = os.open(name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode)
    os.write(fd, content)
    os.close(fd)
    return name


def read(name):
    with open(name, 'rb') as file:
        return file.read()


def mode(name):
    return oct(os.lstat(name).st_mode & 0o7777)


def doing(*steps):
    """The steps one after another; the last one's result is what is seen."""
    for step in steps:
        last = step()
    return last


def opened(name, flags, use, permissions=0o644):
    fd = os.open(name, flags, permissions)
    try:
        return use(fd)
    finally:
        os.close(fd)


def as_web(action, *groups):
    return in_child(action, WEB, WEBS, groups)


# Making and modes.
for bits in (0o644, 0o000, 0o1777, 0o2755, 0o4755, 0o7777):
    see(f'mode of a file made with {bits:o}', lambda: mode(make(f'mode-{bits:o}', mode=bits)))
    see(f'mode of a folder made with {bits:o}', lambda: doing(lambda: os.mkdir(f'folder-{bits:o}', bits), lambda: mode(f'folder-{bits:o}')))
    see(f'chmod of a file to {bits:o}', lambda: doing(lambda: os.chmod(make('chmod'), bits), lambda: mode('chmod')))
see('umask 027', lambda: doing(lambda: os.umask(0o027), lambda: mode(make('umask', mode=0o666)), lambda: os.umask(0), lambda: mode('umask')))
see('chmod through a link', lambda: doing(lambda: os.symlink(make('aim'), 'chmod-link'), lambda: os.chmod('chmod-link', 0o600), lambda: mode('aim')))
see('chmod by another user', lambda: as_web(lambda: os.chmod('aim', 0o777)))
see('chown by root', lambda: doing(lambda: os.chown(make('owned'), 1234, 5678), lambda: (os.stat('owned').st_uid, os.stat('owned').st_gid)))
see('chown by another user', lambda: as_web(lambda: os.chown('aim', WEB, -1)))
see('chown of a link itself', lambda: doing(lambda: os.symlink('nowhere', 'owned-link'), lambda: os.lchown('owned-link', WEB, SHARED), lambda: os.lstat('owned-link').st_gid))
see('chown takes setuid away', lambda: doing(lambda: make('suid'), lambda: os.chmod('suid', 0o6755), lambda: os.chown('suid', WEB, WEBS), lambda: mode('suid')))
see('write by another user takes setuid away', lambda: doing(lambda: os.chmod('suid', 0o6777), lambda: in_child(lambda: make('suid', b'x'), 1500, 1500), lambda: mode('suid')))
see('write by root keeps setuid', lambda: doing(lambda: os.chmod('suid', 0o6777), lambda: opened('suid', os.O_WRONLY, lambda fd: os.write(fd, b'x')), lambda: mode('suid')))
see('truncate by another user takes setuid away', lambda: doing(lambda: os.chmod('suid', 0o6777), lambda: in_child(lambda: os.truncate('suid', 0), 1500, 1500), lambda: mode('suid')))
see('setgid on a file of a group that the owner is not in', lambda: doing(lambda: os.chown('suid', WEB, 7777), lambda: as_web(lambda: os.chmod('suid', 0o2755)), lambda: mode('suid')))
see('owner gives a file to a supplementary group', lambda: doing(lambda: os.chown('suid', WEB, WEBS), lambda: as_web(lambda: os.chown('suid', -1, SHARED), SHARED)))
see('owner gives a file to a group that is not his', lambda: as_web(lambda: os.chown('suid', -1, 7777), SHARED))
os.mkdir('team', 0o755)
os.chown('team', 0, SHARED)
os.chmod('team', 0o2770)
see('group of a file in a setgid folder', lambda: doing(lambda: make('team/file'), lambda: os.stat('team/file').st_gid))
see('folder in a setgid folder', lambda: doing(lambda: os.mkdir('team/folder', 0o755), lambda: (os.stat('team/folder').st_gid, mode('team/folder'))))
see('setgid folder of the group, a member by supplementary group makes a file', lambda: as_web(lambda: make('team/web') and os.stat('team/web').st_gid, SHARED))
see('setgid folder of the group, one who is no member', lambda: as_web(lambda: make('team/stranger')))
see('setgid folder of the group, a member makes a folder', lambda: as_web(lambda: os.mkdir('team/webs', 0o755), SHARED))
see('setgid folder of the group, a member removes what is of root', lambda: as_web(lambda: os.unlink('team/file'), SHARED))
see('file of the group, a member by supplementary group reads and writes', lambda: doing(
    lambda: os.chown(make('teams', b'told', 0o660), 0, SHARED), lambda: as_web(lambda: opened('teams', os.O_RDWR, lambda fd: doing(lambda: os.write(fd, b'x'), lambda: None)), SHARED)))
os.mkdir('sticky', 0o777)
os.chmod('sticky', 0o1777)
make('sticky/roots', mode=0o666)
see('sticky folder, one removes what is not his', lambda: as_web(lambda: os.unlink('sticky/roots')))
see('sticky folder, one renames what is not his', lambda: as_web(lambda: os.rename('sticky/roots', 'sticky/mine')))
see('sticky folder, one replaces what is not his', lambda: as_web(lambda: doing(lambda: make('sticky/new'), lambda: os.rename('sticky/new', 'sticky/roots'))))
see('sticky folder, one removes his own', lambda: as_web(lambda: os.unlink('sticky/new')))
see('file of mode 0, read by root', lambda: read(make('closed', b'seen', 0)))
see('file of mode 0, read by another user', lambda: as_web(lambda: read('closed')))
see('owner without a right of his own, group with it', lambda: doing(lambda: make('odd'), lambda: os.chown('odd', WEB, WEBS), lambda: os.chmod('odd', 0o060), lambda: as_web(lambda: read('odd'))))
see('file in a folder that may not be searched', lambda: doing(lambda: os.mkdir('shut', 0o666), lambda: make('shut/file'), lambda: os.chmod('shut', 0o666), lambda: as_web(lambda: os.stat('shut/file'))))
see('folder that may not be read', lambda: doing(lambda: os.chmod('shut', 0o711), lambda: as_web(lambda: os.listdir('shut'))))
see('folder that may not be written', lambda: as_web(lambda: make('shut/new')))
see('access by the real user', lambda: as_web(lambda: (os.access('closed', os.R_OK), os.access('closed', os.F_OK))))
see('program without the right to run, root', lambda: in_child(lambda: os.execv(make('plain', b'#!/bin/sh\n'), ['plain'])))

# Times.
early, late = -(10 ** 9), 5 * 10 ** 9
see('times to the nanosecond', lambda: doing(lambda: make('times'), lambda: os.utime('times', ns=(1_000_000_000_123_456_789, 2_000_000_000_987_654_321)),
                                             lambda: (os.stat('times').st_atime_ns, os.stat('times').st_mtime_ns)))
see('time before 1970', lambda: doing(lambda: os.utime('times', (early, early)), lambda: int(os.stat('times').st_mtime)))
see('time after 2106', lambda: doing(lambda: os.utime('times', (late, late)), lambda: int(os.stat('times').st_mtime)))
see('times of a link itself', lambda: doing(lambda: os.utime('owned-link', ns=(5, 7), follow_symlinks=False), lambda: os.lstat('owned-link').st_mtime_ns))
see('times of a folder', lambda: doing(lambda: os.utime('sticky', ns=(5, 7)), lambda: os.stat('sticky').st_mtime_ns))
see('times by an open file', lambda: opened('times', os.O_RDONLY, lambda fd: doing(lambda: os.utime(fd, ns=(5, 9)), lambda: os.fstat(fd).st_mtime_ns)))
see('times now by one who may write', lambda: doing(lambda: os.chmod('times', 0o666), lambda: as_web(lambda: os.utime('times'))))
see('times of the past by one who may write', lambda: as_web(lambda: os.utime('times', (1, 1))))
see('times now by one who may read', lambda: doing(lambda: os.chmod('times', 0o644), lambda: as_web(lambda: os.utime('times'))))


def newer(name, field, action):
    os.utime(name, ns=(10, 10))
    before = getattr(os.stat(name), field)
    time.sleep(0.02)
    action()
    return getattr(os.stat(name), field) > before


see('write makes mtime newer', lambda: newer('times', 'st_mtime_ns', lambda: make('times', b'x')))
see('write makes ctime newer', lambda: newer('times', 'st_ctime_ns', lambda: make('times', b'x')))
see('read makes atime newer', lambda: newer('times', 'st_atime_ns', lambda: read('times')))
see('chmod makes ctime newer', lambda: newer('times', 'st_ctime_ns', lambda: os.chmod('times', 0o600)))
see('chmod makes mtime newer', lambda: newer('times', 'st_mtime_ns', lambda: os.chmod('times', 0o644)))
see('link makes ctime newer', lambda: newer('times', 'st_ctime_ns', lambda: os.link('times', 'times-2')))
see('rename makes mtime newer', lambda: newer('times', 'st_mtime_ns', lambda: doing(lambda: os.rename('times', 'times-3'), lambda: os.rename('times-3', 'times'))))
see('truncate makes mtime newer', lambda: newer('times', 'st_mtime_ns', lambda: os.truncate('times', 9)))
see('a name more makes the folder\'s mtime newer', lambda: newer('sticky', 'st_mtime_ns', lambda: make('sticky/more')))
see('a name less makes the folder\'s mtime newer', lambda: newer('sticky', 'st_mtime_ns', lambda: os.unlink('sticky/more')))
see('clock of files and clock of processes', lambda: abs(os.stat(make('clock', b'x')).st_mtime - time.time()) < 2)

# Links.
see('hard link', lambda: doing(lambda: os.link(make('one', b'same'), 'two'), lambda: (os.stat('one').st_nlink, os.path.samefile('one', 'two'), read('two'))))
see('hard link of a folder', lambda: os.link('sticky', 'sticky-2'))
see('hard link over what is there', lambda: os.link('one', 'two'))
see('hard link of a link itself', lambda: doing(lambda: os.link('owned-link', 'owned-link-2', follow_symlinks=False), lambda: os.readlink('owned-link-2')))
see('hard link by one who owns nothing of it', lambda: as_web(lambda: os.link('closed', 'sticky/closed')))
see('hard link to another file system', lambda: os.link('one', '/dev/shm/two'))
see('hard link less', lambda: doing(lambda: os.unlink('two'), lambda: os.stat('one').st_nlink))
see('link to nowhere', lambda: read('owned-link'))
see('link of 4095 bytes', lambda: doing(lambda: os.symlink('x' * 4095, 'long'), lambda: len(os.readlink('long'))))
see('link of 4096 bytes', lambda: os.symlink('x' * 4096, 'longer'))
see('link of nothing', lambda: os.symlink('', 'empty'))
see('size and mode of a link', lambda: (os.lstat('owned-link').st_size, mode('owned-link')))
see('link in a ring', lambda: doing(lambda: os.symlink('ring-b', 'ring-a'), lambda: os.symlink('ring-a', 'ring-b'), lambda: read('ring-a')))
see('link that must not be followed', lambda: os.open('chmod-link', os.O_RDONLY | os.O_NOFOLLOW))
see('readlink of a file', lambda: os.readlink('one'))
see('link out of the folder', lambda: doing(lambda: os.symlink('/etc/passwd', 'out'), lambda: len(read('out')) > 0))

# Names.
see('name of 255 bytes', lambda: doing(lambda: make('n' * 255), lambda: os.path.exists('n' * 255)))
see('name of 256 bytes', lambda: make('n' * 256))
see('path of 4096 bytes', lambda: os.stat('./' * 2047 + 'aa'))
see('name that is no text', lambda: doing(lambda: make(b'\xff\xfe\n\t\x01'), lambda: b'\xff\xfe\n\t\x01' in os.listdir(b'.')))
see('name below a file', lambda: os.stat('one/two'))
see('name that is not there', lambda: os.stat('none'))
see('small and capital letters', lambda: doing(lambda: make('CASE', b'1'), lambda: make('case', b'2'), lambda: read('CASE')))
see('file with a slash behind it', lambda: os.stat('one/'))

# Renaming.
os.makedirs('full/inner')
os.mkdir('void')
see('rename over a file', lambda: doing(lambda: os.rename(make('new', b'new'), make('old', b'old')), lambda: read('old')))
see('rename keeps the inode', lambda: doing(lambda: make('r1'), lambda: os.stat('r1').st_ino, lambda: setattr(sys, 'r', os.stat('r1').st_ino), lambda: os.rename('r1', 'r2'), lambda: os.stat('r2').st_ino == sys.r))
see('rename to a link of the same file', lambda: doing(lambda: os.link('r2', 'r3'), lambda: os.rename('r2', 'r3'), lambda: os.path.exists('r2')))
see('rename of a folder over an empty one', lambda: doing(lambda: os.mkdir('e1'), lambda: os.rename('e1', 'void')))
see('rename of a folder over a full one', lambda: doing(lambda: os.mkdir('e1'), lambda: os.rename('e1', 'full')))
see('rename of a folder into itself', lambda: os.rename('full', 'full/inner/full'))
see('rename of a file over a folder', lambda: os.rename(make('f1'), 'void'))
see('rename of a folder over a file', lambda: os.rename('void', 'f1'))
see('rename of what is not there', lambda: os.rename('none', 'some'))
see('rename to another file system', lambda: os.rename('f1', '/dev/shm/f1'))
see('rename without replacing', lambda: renameat2('f1', 'one', 1))
see('rename without replacing, to a free name', lambda: renameat2('f1', 'f2', 1))
see('rename that exchanges', lambda: doing(lambda: make('x1', b'1'), lambda: make('x2', b'2'), lambda: renameat2('x1', 'x2', 2), lambda: read('x1')))
see('rename that exchanges file and folder', lambda: doing(lambda: renameat2('x1', 'void', 2), lambda: os.path.isdir('x1')))
see('rename that leaves a whiteout', lambda: doing(lambda: renameat2('x2', 'x3', 4), lambda: oct(os.stat('x2').st_mode)))
see('rename of a full folder', lambda: doing(lambda: os.rename('full', 'fuller'), lambda: os.listdir('fuller')))
see('rename of an open file', lambda: opened('one', os.O_RDWR, lambda fd: doing(lambda: os.rename('one', 'uno'), lambda: os.write(fd, b'SAME'), lambda: os.rename('uno', 'one'), lambda: read('one'))))

# Opening.
see('make what is there', lambda: os.open('one', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
see('make where a link leads nowhere', lambda: os.open('owned-link', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
see('open a file as a folder', lambda: os.open('one', os.O_DIRECTORY))
see('open a folder for writing', lambda: os.open('team', os.O_WRONLY))
see('make with truncation', lambda: doing(lambda: opened('old', os.O_WRONLY | os.O_TRUNC, lambda fd: None), lambda: read('old')))
see('two who append', lambda: opened('log', os.O_CREAT | os.O_WRONLY | os.O_APPEND, lambda a: opened('log', os.O_WRONLY | os.O_APPEND, lambda b: doing(
    lambda: [os.write(fd, c) for fd, c in ((a, b'1'), (b, b'2'), (a, b'3'))], lambda: read('log')))))
see('write at an offset of a file that appends', lambda: opened('log', os.O_WRONLY | os.O_APPEND, lambda fd: doing(lambda: os.pwrite(fd, b'4', 0), lambda: read('log'))))
see('file made read-only and written by its maker', lambda: as_web(lambda: opened('sticky/ro', os.O_CREAT | os.O_WRONLY, lambda fd: os.write(fd, b'x'), 0o400)))
see('file without a name', lambda: opened('.', os.O_TMPFILE | os.O_RDWR, lambda fd: doing(lambda: os.write(fd, b'x'), lambda: os.fstat(fd).st_nlink)))
see('file without a name is given one', lambda: opened('.', os.O_TMPFILE | os.O_RDWR, lambda fd: doing(
    lambda: os.write(fd, b'named'), lambda: give_name(fd, 'named'), lambda: read('named'))))
see('file without a name that must have none', lambda: opened('.', os.O_TMPFILE | os.O_RDWR | os.O_EXCL, lambda fd: give_name(fd, 'never')))
see('open by path alone', lambda: opened('closed', os.O_PATH, lambda fd: os.fstat(fd).st_size))
see('write past the cache, aligned', lambda: opened('direct', os.O_CREAT | os.O_RDWR | os.O_DIRECT, lambda fd: doing(lambda: setattr(sys, 'page', mmap.mmap(-1, 4096)), lambda: os.writev(fd, [sys.page]))))
see('write past the cache, askew', lambda: opened('direct', os.O_RDWR | os.O_DIRECT, lambda fd: os.pwrite(fd, b'x' * 100, 1)))
see('write through', lambda: opened('through', os.O_CREAT | os.O_WRONLY | os.O_SYNC, lambda fd: os.write(fd, b'x' * 5000)))
see('read without a new atime, by the owner', lambda: opened('one', os.O_RDONLY | os.O_NOATIME, lambda fd: os.read(fd, 4)))
see('read without a new atime, by another user', lambda: as_web(lambda: os.open('one', os.O_RDONLY | os.O_NOATIME)))
see('write to a program that runs', lambda: doing(lambda: make('program', read('/usr/bin/sleep'), 0o755), lambda: setattr(sys, 'p', os.spawnv(os.P_NOWAIT, './program', ['program', '60'])),
                                                  lambda: time.sleep(0.3), lambda: os.open('program', os.O_WRONLY)))
os.kill(sys.p, signal.SIGKILL)
os.waitpid(sys.p, 0)
see('run what is open for writing', lambda: opened('program', os.O_WRONLY, lambda fd: in_child(lambda: os.execv('./program', ['program', '0']))))

# Removing.
see('deleted file that is open', lambda: opened(make('gone', b'still here'), os.O_RDWR, lambda fd: doing(
    lambda: os.unlink('gone'), lambda: os.pwrite(fd, b'S', 0), lambda: (os.pread(fd, 99, 0), os.fstat(fd).st_nlink))))
see('deleted file that is open, truncate, chmod, times', lambda: opened(make('gone', b'still here'), os.O_RDWR, lambda fd: doing(
    lambda: os.unlink('gone'), lambda: os.ftruncate(fd, 3), lambda: os.fchmod(fd, 0o600), lambda: os.utime(fd, (1, 1)), lambda: (os.fstat(fd).st_size, oct(os.fstat(fd).st_mode)))))
see('deleted file that is open, opened once more', lambda: opened(make('gone', b'still here'), os.O_RDWR, lambda fd: doing(lambda: os.unlink('gone'), lambda: read(f'/proc/self/fd/{fd}'))))
see('deleted file that is open, a file of the same name', lambda: opened(make('gone', b'first'), os.O_RDONLY, lambda fd: doing(lambda: os.unlink('gone'), lambda: make('gone', b'second'), lambda: (os.read(fd, 9), read('gone')))))
see('replaced file that is open', lambda: opened(make('was', b'first'), os.O_RDONLY, lambda fd: doing(lambda: os.rename(make('will', b'second'), 'was'), lambda: (os.read(fd, 9), read('was'), os.fstat(fd).st_nlink))))
see('folder that is full', lambda: os.rmdir('fuller'))
see('folder by unlink', lambda: os.unlink('fuller'))
see('file by rmdir', lambda: os.rmdir('one'))
see('folder by its dot', lambda: os.rmdir('fuller/.'))
see('what is not there', lambda: os.unlink('none'))


def in_removed(action):
    os.mkdir('cwd')
    os.chdir('cwd')
    os.rmdir('../cwd')
    try:
        return action()
    finally:
        os.chdir(top)


see('removed folder that one is in, listed', lambda: in_removed(lambda: os.listdir('.')))
see('removed folder that one is in, a file made', lambda: in_removed(lambda: make('file')))
see('removed folder that one is in, links', lambda: in_removed(lambda: os.stat('.').st_nlink))

# Special files.
see('fifo', lambda: doing(lambda: os.mkfifo('fifo', 0o640), lambda: (stat.S_ISFIFO(os.stat('fifo').st_mode), mode('fifo'))))
see('fifo carries', lambda: opened('fifo', os.O_RDWR, lambda fd: doing(lambda: os.write(fd, b'carried'), lambda: os.read(fd, 9))))
see('fifo without a reader', lambda: os.open('fifo', os.O_WRONLY | os.O_NONBLOCK))
see('device made by root', lambda: doing(lambda: os.mknod('null', 0o666 | stat.S_IFCHR, os.makedev(1, 3)), lambda: (os.stat('null').st_rdev, stat.S_ISCHR(os.stat('null').st_mode))))
see('device made by root is opened', lambda: opened('null', os.O_WRONLY, lambda fd: os.write(fd, b'x')))
see('device made by another user', lambda: as_web(lambda: os.mknod('sticky/null', 0o666 | stat.S_IFCHR, os.makedev(1, 3))))
see('file made by mknod', lambda: doing(lambda: os.mknod('knod', 0o600), lambda: mode('knod')))


def sockets():
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind('socket')
        server.listen()
        client.connect('socket')
        return stat.S_ISSOCK(os.stat('socket').st_mode)


see('socket', sockets)
see('socket of a name that is taken', lambda: socket.socket(socket.AF_UNIX).bind('socket'))
see('socket that nobody serves', lambda: socket.socket(socket.AF_UNIX).connect('socket'))
see('socket opened as a file', lambda: os.open('socket', os.O_RDONLY))

# Sizes and holes.
see('truncate to more', lambda: doing(lambda: os.truncate(make('size', b'ab'), 5), lambda: read('size')))
see('truncate to less', lambda: doing(lambda: os.truncate('size', 1), lambda: read('size')))
see('truncate to less than nothing', lambda: os.truncate('size', -1))
see('truncate a folder', lambda: os.truncate('team', 0))
see('truncate what is open for reading', lambda: opened('size', os.O_RDONLY, lambda fd: os.ftruncate(fd, 0)))
see('truncate by one who may not write', lambda: as_web(lambda: os.truncate('size', 0)))
see('file of 1 TiB that is empty', lambda: doing(lambda: os.truncate('size', 1 << 40), lambda: (os.stat('size').st_size, os.stat('size').st_blocks < 64)))
see('limit of a process\'s file size', lambda: in_child(lambda: doing(lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN), lambda: __import__('resource').setrlimit(1, (1000, 1000)), lambda: os.truncate('old', 2000))))
see('write behind the end', lambda: opened('hole', os.O_CREAT | os.O_RDWR, lambda fd: doing(lambda: os.pwrite(fd, b'end', 1 << 20), lambda: (os.pread(fd, 3, 100), os.fstat(fd).st_blocks < 64))))
see('first data of a file that begins with a hole', lambda: opened('hole', os.O_RDONLY, lambda fd: os.lseek(fd, 0, os.SEEK_DATA)))
see('first hole of a file that begins with one', lambda: opened('hole', os.O_RDONLY, lambda fd: os.lseek(fd, 0, os.SEEK_HOLE)))
see('hole behind the data', lambda: opened('hole', os.O_RDONLY, lambda fd: os.lseek(fd, 1 << 20, os.SEEK_HOLE)))
see('data behind the end', lambda: opened('hole', os.O_RDONLY, lambda fd: os.lseek(fd, 1 << 21, os.SEEK_DATA)))
make('room', b'x' * 65536)
for name, bits in (('room', 0), ('room without a new size', 1), ('a hole', 3), ('zeros', 16), ('a part less', 8), ('a part more', 32)):
    see(f'fallocate, {name}', lambda: opened('room', os.O_RDWR, lambda fd: doing(lambda: fallocate(fd, bits, 8192, 65536 if bits < 2 else 8192), lambda: os.fstat(fd).st_size)))
see('fallocate, what a hole leaves', lambda: opened(make('punched', b'x' * 65536), os.O_RDWR, lambda fd: doing(lambda: os.fsync(fd), lambda: fallocate(fd, 3, 8192, 32768), lambda: os.fsync(fd), lambda: (os.pread(fd, 3, 8191), os.fstat(fd).st_blocks < 128))))
see('fallocate, reading alone', lambda: opened('room', os.O_RDONLY, lambda fd: fallocate(fd, 0, 0, 99)))


# Copies.
def copied(way, target):
    return opened('room', os.O_RDONLY, lambda a: opened(target, os.O_CREAT | os.O_RDWR | os.O_TRUNC, lambda b: way(a, b)))


see('copy in the kernel', lambda: doing(lambda: copied(lambda a, b: os.copy_file_range(a, b, 4000, 0, 10), 'copy'), lambda: len(read('copy'))))
see('copy in the kernel, within a file', lambda: opened('copy', os.O_RDWR, lambda fd: os.copy_file_range(fd, fd, 100, 0, 2000)))
see('copy in the kernel to another file system', lambda: copied(lambda a, b: os.copy_file_range(a, b, 4000), '/dev/shm/copy'))
see('copy by sendfile', lambda: copied(lambda a, b: os.sendfile(b, a, 0, 4000), 'copy'))
see('copy by sharing blocks', lambda: copied(lambda a, b: fcntl.ioctl(b, 0x40049409, a), 'copy'))

# Locks.
def held(hold, take):
    with open('lock', 'w+') as mine:
        hold(mine)
        return in_child(lambda: take(open('lock', 'r+')))


see('flock against flock', lambda: held(lambda f: fcntl.flock(f, fcntl.LOCK_EX), lambda f: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)))
see('shared flock beside shared', lambda: held(lambda f: fcntl.flock(f, fcntl.LOCK_SH), lambda f: fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)))
see('lock of a range against one', lambda: held(lambda f: fcntl.lockf(f, fcntl.LOCK_EX, 10, 5), lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 14)))
see('lock of a range beside one', lambda: held(lambda f: fcntl.lockf(f, fcntl.LOCK_EX, 10, 5), lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 15)))
see('flock against the lock of a range', lambda: held(lambda f: fcntl.lockf(f, fcntl.LOCK_EX), lambda f: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)))
see('who holds the lock', lambda: held(lambda f: fcntl.lockf(f, fcntl.LOCK_EX), lambda f: struct.unpack('hhqqi', fcntl.fcntl(f, fcntl.F_GETLK, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 0, 0))[:struct.calcsize('hhqqi')])[4] == os.getppid()))
see('lock of an open file (OFD)', lambda: held(lambda f: fcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0)), lambda f: fcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0)) and None))
see('lease', lambda: opened('lock', os.O_RDONLY, lambda fd: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)))

# Extended attributes.
make('attr')
see('attribute', lambda: doing(lambda: os.setxattr('attr', 'user.a', b'1'), lambda: os.getxattr('attr', 'user.a')))
see('attribute that is there', lambda: os.setxattr('attr', 'user.a', b'2', os.XATTR_CREATE))
see('attribute that is not there', lambda: os.setxattr('attr', 'user.b', b'2', os.XATTR_REPLACE))
see('attribute of nothing', lambda: doing(lambda: os.setxattr('attr', 'user.e', b''), lambda: os.getxattr('attr', 'user.e')))
see('attribute of 1000 bytes', lambda: doing(lambda: os.setxattr('attr', 'user.l', b'x' * 3000), lambda: len(os.getxattr('attr', 'user.l'))))
see('attribute of 65537 bytes', lambda: os.setxattr('attr', 'user.h', b'x' * 65537))
see('attribute with a name of 256 bytes', lambda: os.setxattr('attr', 'user.' + 'n' * 251, b''))
see('attributes listed', lambda: sorted(os.listxattr('attr')))
see('attribute taken away', lambda: doing(lambda: os.removexattr('attr', 'user.a'), lambda: os.getxattr('attr', 'user.a')))
see('attribute of a folder', lambda: doing(lambda: os.setxattr('team', 'user.d', b'1'), lambda: os.getxattr('team', 'user.d')))
see('attribute of a link itself', lambda: os.setxattr('chmod-link', 'user.a', b'1', follow_symlinks=False))
see('attribute of a fifo', lambda: os.setxattr('fifo', 'user.a', b'1'))
see('attribute of a file that one may not write', lambda: as_web(lambda: os.setxattr('attr', 'user.w', b'1')))
see('attribute without a kind', lambda: os.setxattr('attr', 'plain', b'1'))
see('attribute of the trusted', lambda: os.setxattr('attr', 'trusted.a', b'1'))
see('attribute of security modules', lambda: os.setxattr('attr', 'security.a', b'1'))
capability = bytes.fromhex('0100000200200000000000000000000000000000')
see('capability of a file', lambda: doing(lambda: os.setxattr('attr', 'security.capability', capability), lambda: os.getxattr('attr', 'security.capability') == capability))
see('capability of a file that is written', lambda: doing(lambda: make('attr', b'x'), lambda: os.getxattr('attr', 'security.capability')))
see('capability of a file that is given away', lambda: doing(lambda: os.setxattr('attr', 'security.capability', capability), lambda: os.chown('attr', 5, 5), lambda: os.getxattr('attr', 'security.capability')))
access = struct.pack('<I' + 'HHI' * 5, 2, 1, 6, 0xffffffff, 2, 4, WEB, 4, 0, 0xffffffff, 16, 4, 0xffffffff, 32, 0, 0xffffffff)
see('list of access', lambda: doing(lambda: make('acl', b'told', 0o600), lambda: os.setxattr('acl', 'system.posix_acl_access', access), lambda: mode('acl')))
see('list of access counts', lambda: as_web(lambda: read('acl')))
see('list of access that a folder gives on', lambda: doing(lambda: os.mkdir('acls', 0o755), lambda: os.setxattr('acls', 'system.posix_acl_default', access), lambda: make('acls/file', mode=0o666), lambda: mode('acls/file')))

# Memory.
def mapped(length, use, flags=mmap.MAP_SHARED):
    with open(make('map', b'x' * 4096), 'r+b') as file, mmap.mmap(file.fileno(), length, flags) as memory:
        return use(file, memory)


see('write to a mapping is read from the file', lambda: mapped(4096, lambda f, m: doing(lambda: m.__setitem__(0, 65), lambda: os.pread(f.fileno(), 1, 0))))
see('write to the file is read from a mapping', lambda: mapped(4096, lambda f, m: doing(lambda: os.pwrite(f.fileno(), b'B', 0), lambda: m[0])))
see('write to a private mapping', lambda: mapped(4096, lambda f, m: doing(lambda: m.__setitem__(0, 65), lambda: os.pread(f.fileno(), 1, 0)), mmap.MAP_PRIVATE))
see('mapping of a file that was cut', lambda: mapped(4096, lambda f, m: doing(lambda: f.truncate(0), lambda: in_child(lambda: m[0]))))
see('mapping written back', lambda: mapped(4096, lambda f, m: doing(lambda: m.__setitem__(slice(0, 4), b'back'), lambda: m.flush(), lambda: os.fsync(f.fileno()), lambda: read('map')[:4])))
see('mapping makes mtime newer', lambda: mapped(4096, lambda f, m: newer('map', 'st_mtime_ns', lambda: doing(lambda: m.__setitem__(0, 66), lambda: m.flush()))))
see('mapping of a file opened past the cache', lambda: opened('direct', os.O_RDWR | os.O_DIRECT, lambda fd: mmap.mmap(fd, 4096)[0]))

# Folders and inodes.
os.mkdir('many')
for number in range(100):
    make(f'many/{number}')
see('folder of 100 is listed', lambda: sorted(map(int, os.listdir('many'))) == list(range(100)))
see('folder is emptied while it is read', lambda: doing(lambda: [os.unlink(entry.path) for entry in os.scandir('many')], lambda: os.listdir('many')))
see('links of a folder with two in it', lambda: doing(lambda: os.makedirs('links/a'), lambda: os.mkdir('links/b'), lambda: os.stat('links').st_nlink))
see('numbers in a listing are those of the files', lambda: all(entry.inode() == entry.stat(follow_symlinks=False).st_ino for entry in os.scandir('.')))
see('kinds in a listing are those of the files', lambda: all(entry.is_dir(follow_symlinks=False) == stat.S_ISDIR(os.lstat(entry.name).st_mode) for entry in os.scandir('.')))
see('each file has a number of its own', lambda: len({e.stat(follow_symlinks=False).st_ino for e in os.scandir('.') if e.stat(follow_symlinks=False).st_nlink == 1}) == sum(e.stat(follow_symlinks=False).st_nlink == 1 for e in os.scandir('.')))
see('one file system throughout', lambda: {os.lstat(os.path.join(at, name)).st_dev for at, folders, files in os.walk('.') for name in folders + files} == {os.stat('.').st_dev})
see('parent of a folder', lambda: os.path.samefile('links/..', '.'))
see('working folder by its name', lambda: os.getcwd() == top)
see('file system, length of names', lambda: os.statvfs('.').f_namemax)
see('file system, room', lambda: os.statvfs('.').f_blocks > 0 and os.statvfs('.').f_bavail > 0)
see('file system, flags', lambda: sorted(name for name in ('RDONLY', 'NOSUID', 'NODEV', 'NOEXEC') if os.statvfs('.').f_flag & getattr(os, f'ST_{name}')))

# The rest.
see('fsync of a folder', lambda: opened('.', os.O_RDONLY, os.fsync))
see('fdatasync', lambda: opened('one', os.O_RDWR, os.fdatasync))
see('syncfs', lambda: opened('.', os.O_RDONLY, lambda fd: call(libc.syncfs, fd)))
see('sync_file_range', lambda: opened('one', os.O_RDWR, lambda fd: call(libc.sync_file_range, fd, ctypes.c_long(0), ctypes.c_long(0), 7)))
see('advice on reading', lambda: opened('one', os.O_RDONLY, lambda fd: os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)))
see('flags of a file (lsattr)', lambda: opened('one', os.O_RDONLY, lambda fd: fcntl.ioctl(fd, 0x80086601, array.array('l', [0])) or None))
see('handle of a file', lambda: call(libc.name_to_handle_at, AT_FDCWD, b'one', struct.pack('Ii128x', 128, 0), ctypes.byref(ctypes.c_int()), 0))
see('time of birth', lambda: doing(lambda: setattr(sys, 'statx', ctypes.create_string_buffer(256)), lambda: call(libc.statx, AT_FDCWD, b'one', 0, 0xfff, sys.statx), lambda: bool(struct.unpack_from('I', sys.statx)[0] & 0x800)))
