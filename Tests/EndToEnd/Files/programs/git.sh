#!/usr/bin/bash
# git.sh FOLDER SIZE: a repository's life. With dates and names given, its hashes are the same everywhere.
cd "$1" || exit 1
[ "$2" = whole ] && files=1000 || files=60
export HOME=$1/home GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='@1700000000 +0000' GIT_COMMITTER_DATE='@1700000000 +0000'
mkdir home
printf '[user]\nname=A\nemail=a@b\n[init]\ndefaultBranch=main\n[gc]\nauto=0\n[safe]\ndirectory=*\n' > home/.gitconfig
say() { name=$1; shift; if out=$("$@" 2>&1); then echo "$name: ${out:-ok}"; else echo "$name: exit $? $out" | tr '\n' ' '; echo; fi; }
say init git init -q repository
cd repository || exit 1
i=0; while [ $i -lt $files ]; do d=d$((i % 17)); [ -d $d ] || mkdir $d; echo "file $i" > "$d/f$i"; i=$((i + 1)); done
ln -s d0/f0 link; echo '#!/bin/sh' > run; chmod 755 run
say add git add .
say commit git commit -q -m first
say 'first commit' git rev-parse HEAD
say gc git gc -q --prune=now
say fsck git fsck --full --strict --no-progress
say 'clone by links' git clone -q . ../clone
say 'clone has the links' sh -c "stat -c %h ../clone/.git/objects/pack/*.pack"
touch -d '2001-01-01' d0/f0
say 'status of a file whose time alone changed' git status --porcelain
git checkout -q -b side; echo side >> d1/f1; git commit -q -am side
git checkout -q main; echo main >> d2/f2; git mv d3/f3 d4/moved; git rm -q d5/f5; git commit -q -am main
say merge git merge -q -m merge side
say 'merged commit' git rev-parse HEAD
say status git status --porcelain
say 'loose objects' sh -c "git count-objects -v | sed -n 's/^count: //p'"
say packs sh -c "git count-objects -v | sed -n 's/^packs: //p'"
say 'clone is clean' git -C ../clone status --porcelain
say worktree git worktree add -q ../tree side
say 'hard reset' git reset -q --hard HEAD~1
say stash sh -c 'echo x >> d0/f0; git stash -q && git stash pop -q && git status --porcelain'
