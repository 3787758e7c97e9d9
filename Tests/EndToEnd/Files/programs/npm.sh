#!/usr/bin/bash
# npm.sh FOLDER SIZE: a package of many files, packed here, installed. Without compiled code, which is slow to run where
# the processor is emulated; node has a warning about that.
cd "$1" || exit 1
[ "$2" = whole ] && files=3000 || files=300
export HOME=$1/npm/home npm_config_offline=true npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false npm_config_loglevel=error NODE_OPTIONS=--jitless
mkdir -p npm/package/lib npm/home npm/app && cd npm || exit 1
echo '{"name": "many", "version": "1.0.0", "bin": {"many": "many.js"}}' > package/package.json
printf '#!/usr/bin/env node\nconsole.log(require("fs").readdirSync(require("path").join(__dirname, "lib")).length)\n' > package/many.js
i=0; while [ $i -lt $files ]; do d=package/lib/d$((i % 50)); [ -d $d ] || mkdir $d; echo "module.exports = $i" > $d/m$i.js; i=$((i + 1)); done
tar -czf many.tgz package
cd app || exit 1
echo '{"name": "app", "version": "1.0.0", "private": true}' > package.json
say() { name=$1; shift; if out=$("$@" 2>&1); then echo "$name: ${out:-ok}"; else echo "$name: exit $? $out" | tr '\n' ' ' | head -c 500; echo; fi; }
say install sh -c 'npm install ../many.tgz > /dev/null 2>&1'
say files sh -c 'find node_modules/many -type f | wc -l'
say 'same files' diff -r node_modules/many ../package
say 'program of the package' sh -c 'node_modules/.bin/many 2> /dev/null'
say 'program is a link' readlink node_modules/.bin/many
say 'mode of the program' stat -L -c %a node_modules/.bin/many
say 'removal' sh -c 'npm uninstall many > /dev/null 2>&1 && ls node_modules'
