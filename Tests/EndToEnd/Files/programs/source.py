#!/usr/bin/python3 -SE
"""source.py FOLDER SIZE PART: a volume "first" and "after" the host has done something to what it is made from."""
import os
import sys

from see import see

part = sys.argv[3]
see(f'{part}, enter', lambda: os.chdir(sys.argv[1]))
see(f'{part}, list', lambda: sorted(os.listdir('.')))
see(f'{part}, read', lambda: open('file', 'rb').read())
see(f'{part}, links of the folder', lambda: os.stat('.').st_nlink)
see(f'{part}, links of the file', lambda: os.stat('file').st_nlink)
see(f'{part}, size and mode', lambda: (os.stat('file').st_size, oct(os.stat('file').st_mode)))
see(f'{part}, make', lambda: open(f'{part}.made', 'x').close())
see(f'{part}, append', lambda: open('folder/log', 'a').write('line\n'))
see(f'{part}, read what was appended', lambda: len(open('folder/log').readlines()))
