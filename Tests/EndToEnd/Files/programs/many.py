#!/usr/bin/python3 -SE
"""many.py FOLDER SIZE: one folder with very many files, most of all in a hostPath, and how long each kind of call takes in it."""
import os
import sys
import time

from see import figure, see

os.chdir(sys.argv[1])
os.mkdir('crowd')
os.chdir('crowd')
count = 500 if sys.argv[2] != 'whole' else 100_000 if sys.argv[1].endswith('hostPath') else 10_000
names = [f'file-{number:06}' for number in range(count)]
# All are made and listed; what is done to one after the other is done to some.
some = names[:5_000]
renamed = some[::2]


def each(name, action, over=some):
    def timed():
        started = time.monotonic()
        for one in over:
            action(one)
        figure(name, len(over) / (time.monotonic() - started), 'a second')
    see(name, timed)


def listed():
    started = time.monotonic()
    seen = {entry.name for entry in os.scandir('.')}
    figure('names listed', len(seen) / (time.monotonic() - started), 'a second')
    return seen == set(names)


each('files made', lambda name: os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)), names)
see('all are listed', listed)
each('files looked at', os.stat)
see('none that is not there', lambda: any(os.path.exists(f'{name}x') for name in names[:100]))
each('files opened and closed', lambda name: os.close(os.open(name, os.O_RDONLY)))
each('files renamed', lambda name: os.rename(name, f'{name}.new'), renamed)
see('the renamed are listed', lambda: sum(entry.name.endswith('.new') for entry in os.scandir('.')) == len(renamed))
each('files removed', os.unlink, some[1::2])
see('the others are left', lambda: {entry.name.removesuffix('.new') for entry in os.scandir('.')} == set(names) - set(some[1::2]))
