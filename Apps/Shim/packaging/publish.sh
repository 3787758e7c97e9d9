#!/bin/bash
# Publishes the three native binaries into artifacts/publish/, each only if something it is made from has changed.
#
#   publish.sh [Shim|Admin|Agent]...     without arguments all three
set -euo pipefail

top=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$top"
publish=artifacts/publish
mkdir -p "$publish"
exec 9> "$publish/.lock"
flock 9

everything=$(find Core.* Adapters.* -maxdepth 0 -type d | sort)
# sources APP: the directories whose files a binary is made from.
sources() {
    echo "Apps/$1" Platform
    if [ "$1" != Agent ]; then echo "$everything"; fi
}

# shellcheck disable=SC2046
hash_of() {
    {
        dotnet --version
        find $(sources "$1") Directory.*.props BannedSymbols.txt .editorconfig global.json -type f \
            \( -name '*.cs' -o -name '*.csproj' -o -name '*.props' -o -name '*.targets' -o -name '*.proto' -o -name '*.json' -o -name '*.txt' -o -name .editorconfig \) \
            -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum | cut -d' ' -f1
}

publish_one() {
    local app=$1 binary=$2 hash started=$SECONDS
    hash=$(hash_of "$app")
    if [ -x "$publish/$binary" ] && [ "$(cat "$publish/.$binary.sources" 2> /dev/null)" = "$hash" ]; then return 0; fi
    echo "    $binary: compiling to native code (half a minute or so)"
    # The analysers see the same code whenever the solution is built; here they would be half of the compiling.
    # The compiler's server outlives the command; it must not inherit the lock.
    if ! dotnet publish "Apps/$app" -c Release -r linux-x64 -o "artifacts/publish-$app" \
        -m:2 -nodereuse:false -p:RunAnalyzers=false -v quiet -nologo --tl:off > "$publish/.$binary.log" 2>&1 9>&-; then
        cat "$publish/.$binary.log" >&2
        echo "publish: Apps/$app does not build" >&2
        return 1
    fi
    # By rename: a running one keeps its file.
    install -m 755 "artifacts/publish-$app/$binary" "$publish/.$binary.new"
    mv "$publish/.$binary.new" "$publish/$binary"
    echo "$hash" > "$publish/.$binary.sources"
    echo "    $binary: $(($(stat -c %s "$publish/$binary") / 1024)) KiB, $((SECONDS - started)) s"
}

for app in "${@:-Shim Admin Agent}"; do
    for one in $app; do
        case $one in
            Shim) publish_one Shim containerd-shim-kata-v2 ;;
            Admin) publish_one Admin kata-runtime ;;
            Agent) publish_one Agent kata-agent ;;
            *) echo "publish.sh: no application $one" >&2; exit 2 ;;
        esac
    done
done
