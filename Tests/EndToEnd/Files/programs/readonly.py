#!/usr/bin/python3 -SE
"""readonly.py FOLDER: a volume that may not be written. Its file is "file", its folder "folder", its link "link"."""
import os
import sys

from see import see

os.chdir(sys.argv[1])
see('read', lambda: open('file', 'rb').read())
see('list', lambda: sorted(os.listdir('.')))
see('make a file', lambda: os.open('new', os.O_CREAT | os.O_WRONLY))
see('make what is there', lambda: os.open('file', os.O_CREAT | os.O_EXCL | os.O_WRONLY))
see('write', lambda: os.open('file', os.O_WRONLY))
see('read and write', lambda: os.open('file', os.O_RDWR))
see('truncate', lambda: os.truncate('file', 0))
see('append', lambda: os.open('file', os.O_WRONLY | os.O_APPEND))
see('make a folder', lambda: os.mkdir('new'))
see('remove', lambda: os.unlink('file'))
see('remove what is not there', lambda: os.unlink('none'))
see('remove the folder', lambda: os.rmdir('folder'))
see('rename', lambda: os.rename('file', 'new'))
see('hard link', lambda: os.link('file', 'new'))
see('link', lambda: os.symlink('file', 'new'))
see('fifo', lambda: os.mkfifo('new'))
see('chmod', lambda: os.chmod('file', 0o600))
see('chown', lambda: os.chown('file', 1, 1))
see('times', lambda: os.utime('file'))
see('attribute', lambda: os.setxattr('file', 'user.a', b'1'))
see('attribute taken away', lambda: os.removexattr('file', 'user.a'))
see('file without a name', lambda: os.open('.', os.O_TMPFILE | os.O_RDWR))
see('may one write', lambda: os.access('file', os.W_OK))
see('read makes atime newer', lambda: (os.stat('file').st_atime_ns, open('file').read(), os.stat('file').st_atime_ns)[2] == os.stat('file').st_atime_ns)
see('flags', lambda: bool(os.statvfs('.').f_flag & os.ST_RDONLY))
