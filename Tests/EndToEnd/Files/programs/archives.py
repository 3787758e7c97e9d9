#!/usr/bin/python3 -SE
"""archives.py FOLDER: trees through tar and rsync and cp, with all that a file has besides its content compared."""
import os
import stat
import struct
import subprocess
import sys

from see import see

os.chdir(sys.argv[1])
os.umask(0)
os.mkdir('archives')
os.chdir('archives')
CAPABILITY = bytes.fromhex('0100000200200000000000000000000000000000')
ACCESS = struct.pack('<I' + 'HHI' * 5, 2, 1, 6, 0xffffffff, 2, 4, 1000, 4, 0, 0xffffffff, 16, 4, 0xffffffff, 32, 0, 0xffffffff)


def make(name, content=b'', mode=0o644, owner=(0, 0)):
    with open(name, 'wb') as file:
        file.write(content)
    os.chown(name, *owner)
    os.chmod(name, mode)


def tree():
    """One file for each thing that may be lost; what the file system itself does not take is not in it."""
    os.makedirs('from/folder/deep')
    os.chdir('from')
    make('plain', b'plain\n' * 100)
    for name, mode in (('setuid', 0o4755), ('setgid', 0o2755), ('none', 0), ('sticky', 0o1644)):
        make(name, b'x', mode)
    make('owned', b'x', 0o640, (1234, 5678))
    make('großer Name\n', b'x')
    make('zz', b'linked')
    os.link('zz', 'folder/linked')
    os.symlink('../nowhere', 'folder/link')
    os.lchown('folder/link', 1234, 5678)
    os.mkfifo('fifo', 0o620)
    os.chmod('fifo', 0o620)
    with open('sparse', 'wb') as file:
        file.truncate(4 << 20)
        file.seek(2 << 20)
        file.write(b'data')
    make('big', os.urandom(1) * 300000)
    make('attributes')
    os.setxattr('attributes', 'user.one', b'1')
    os.setxattr('attributes', 'user.binary', bytes(range(256)))
    os.setxattr('folder', 'user.folder', b'f')
    make('capable', b'x', 0o755)
    for name, key, value in (('capable', 'security.capability', CAPABILITY), ('attributes', 'system.posix_acl_access', ACCESS), ('folder/deep', 'system.posix_acl_default', ACCESS)):
        see(f'{key} is stored', lambda: os.setxattr(name, key, value))
    os.mkdir('team')
    os.chown('team', 0, 2000)
    os.chmod('team', 0o2775)
    for at, folders, files in os.walk('.', topdown=False):
        for number, name in enumerate(sorted(folders + files)):
            os.utime(os.path.join(at, name), ns=(10 ** 18 + number, 1_600_000_000_123_456_789 + number), follow_symlinks=False)
    os.chdir('..')


def picture(top):
    """What each name of a tree has, one thing after the other."""
    seen, first = {}, {}
    for at, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(at, name)
            key = os.path.relpath(path, top)
            found = os.lstat(path)
            seen[key] = {
                'kinds': stat.S_IFMT(found.st_mode), 'modes': oct(stat.S_IMODE(found.st_mode)), 'owners': (found.st_uid, found.st_gid),
                'times': found.st_mtime_ns, 'sizes': None if stat.S_ISDIR(found.st_mode) else found.st_size,
                'links': (stat.S_ISREG(found.st_mode) and found.st_nlink, stat.S_ISLNK(found.st_mode) and os.readlink(path)),
                'holes': stat.S_ISREG(found.st_mode) and found.st_blocks * 512 < found.st_size,
                'content': open(path, 'rb').read() if stat.S_ISREG(found.st_mode) else None,
                'attributes': {} if stat.S_ISLNK(found.st_mode) else {n: os.getxattr(path, n) for n in sorted(os.listxattr(path))},
            }
    return seen


def run(*line):
    done = subprocess.run(line, capture_output=True, text=True)
    return f'exit {done.returncode} {done.stderr.strip()[:200]}' if done.returncode else None


def compare(way, top):
    now = picture(top)
    see(f'{way}, names', lambda: 'kept' if sorted(now) == sorted(before) else sorted(set(now) ^ set(before)))
    for thing in ('kinds', 'modes', 'owners', 'times', 'sizes', 'links', 'holes', 'content', 'attributes'):
        see(f'{way}, {thing}', lambda: 'kept' if not (lost := [n for n in sorted(before) if n in now and now[n][thing] != before[n][thing]]) else f'lost for {lost}')


tree()
before = picture('from')
see('holes are there', lambda: before['sparse']['holes'])
everything = ['--acls', '--xattrs', '--xattrs-include=*', '--numeric-owner']
see('tar', lambda: run('tar', '-C', 'from', *everything, '--format=posix', '--sparse', '-cf', 'all.tar', '.'))
os.mkdir('tar')
see('untar', lambda: run('tar', '-C', 'tar', *everything, '--same-owner', '-p', '-xf', 'all.tar'))
compare('tar', 'tar')
see('rsync', lambda: run('rsync', '-aHAXS', '--numeric-ids', 'from/', 'rsync/'))
compare('rsync', 'rsync')
see('rsync again', lambda: subprocess.run(['rsync', '-aHAXSni', '--numeric-ids', 'from/', 'rsync/'], capture_output=True, text=True).stdout or 'nothing to do')
see('cp', lambda: run('cp', '-a', 'from', 'cp'))
compare('cp', 'cp')
